import { expect, it } from 'vitest';
import { describeExploration, explore } from './model/explore.ts';

/** See docs/proof.md. `CLOUD_TEST_RUNS` and `CLOUD_TEST_SEED` choose other runs. */
const RUNS = Number(process.env['CLOUD_TEST_RUNS'] ?? '30');
const BUDGET_MS = process.env['CLOUD_TEST_RUNS'] === undefined ? 60_000 : 0;
const SEED = process.env['CLOUD_TEST_SEED'];

it(
  'what every node sees is explained by uploads and downloads in some order',
  async () => {
    const exploration = await explore({
      ...{ model: 'dropbox' as const, runs: RUNS, budgetMs: BUDGET_MS },
      ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    });
    process.stdout.write(`${describeExploration(exploration)}\n`);
    expect(exploration.failure?.violations).toBeUndefined();
    expect(exploration.runs).toBeGreaterThanOrEqual(RUNS);
  },
  BUDGET_MS + 120_000 + RUNS * 20_000,
);
