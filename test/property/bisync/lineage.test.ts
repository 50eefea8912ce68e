import { expect, it } from 'vitest';
import { describeExploration, explore } from './model/explore.ts';

/** See docs/proof.md. `CLOUD_TEST_RUNS` and `CLOUD_TEST_SEED` choose other runs. */
const RUNS = Number(process.env['CLOUD_TEST_RUNS'] ?? '60');
const BUDGET_MS = process.env['CLOUD_TEST_RUNS'] === undefined ? 120_000 : 0;
const SEED = process.env['CLOUD_TEST_SEED'];

it(
  'no version is ever lost or torn, and all sides come to agree',
  async () => {
    const exploration = await explore({
      ...{ runs: RUNS, budgetMs: BUDGET_MS },
      ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    });
    process.stdout.write(`${describeExploration(exploration)}\n`);
    expect(exploration.failure?.violations).toBeUndefined();
    expect(exploration.runs).toBeGreaterThanOrEqual(RUNS);
  },
  BUDGET_MS + 120_000 + RUNS * 20_000,
);
