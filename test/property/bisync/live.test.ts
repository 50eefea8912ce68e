import fc from 'fast-check';
import { expect, it } from 'vitest';
import { useMemoryForFiles } from './model/play.ts';
import { liveScenario, playLive } from './model/play-live.ts';

/** See docs/proof.md. `CLOUD_TEST_LIVE_RUNS` and `CLOUD_TEST_SEED` choose other runs. */
const RUNS = Number(process.env['CLOUD_TEST_LIVE_RUNS'] ?? '6');
const SEED = Number(process.env['CLOUD_TEST_SEED'] ?? Date.now() % 2 ** 31);

it(
  'two devices that are watched all the time lose nothing and come to agree',
  async () => {
    useMemoryForFiles();
    const tally = { syncs: 0, kills: 0, faults: 0, races: 0 };
    let [lives, steps] = [0, 0];
    const life = fc.asyncProperty(liveScenario, async (each) => {
      lives += 1;
      steps += each.length;
      const { violations, history } = await playLive(each, tally);
      expect(violations, history.join('\n')).toEqual([]);
    });
    await fc.assert(life, { seed: SEED, numRuns: RUNS, endOnFailure: true });
    const { kills, faults } = tally;
    process.stdout.write(
      `watched devices: ${lives} lives, ${steps} steps, ${kills} kills, ${faults} faults (seed ${SEED})\n`,
    );
  },
  120_000 + RUNS * 120_000,
);
