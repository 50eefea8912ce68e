import { expect, it } from 'vitest';
import { exploreLive } from './model/play-live.ts';

/** See docs/proof.md. `CLOUD_TEST_LIVE_RUNS` and `CLOUD_TEST_SEED` choose other runs. */
const RUNS = Number(process.env['CLOUD_TEST_LIVE_RUNS'] ?? '6');
const SEED = Number(process.env['CLOUD_TEST_SEED'] ?? Date.now() % 2 ** 31);

it(
  'two devices that are watched all the time lose nothing and come to agree',
  async () => {
    const { lives, steps, byLane, kills, faults } = await exploreLive(RUNS, SEED);
    process.stdout.write(
      `watched devices: ${lives} lives, ${steps} steps, ${byLane} changes by the lane, ${kills} kills, ` +
        `${faults} faults (seed ${SEED})\n`,
    );
    expect(lives).toBe(RUNS);
    expect(byLane).toBeGreaterThan(0);
  },
  120_000 + RUNS * 120_000,
);
