/**
 * Many runs of the lineage model: `npm run test:soak`. CLOUD_TEST_RUNS (2,000) and CLOUD_TEST_SEED
 * choose; CLOUD_TEST_SCENARIO, a file with the JSON that a failure printed, plays that one again.
 */
import { readFileSync } from 'node:fs';
import { describeExploration, explore } from '../property/bisync/model/explore.ts';
import { play, useMemoryForFiles } from '../property/bisync/model/play.ts';
import type { Scenario } from '../property/bisync/model/steps.ts';

const { CLOUD_TEST_RUNS, CLOUD_TEST_SEED, CLOUD_TEST_SCENARIO, CLOUD_TEST_SHRINK_MS } = process.env;
if (CLOUD_TEST_SCENARIO === undefined) {
  const seed = CLOUD_TEST_SEED === undefined ? {} : { seed: Number(CLOUD_TEST_SEED) };
  const exploration = await explore({ runs: Number(CLOUD_TEST_RUNS ?? '2000'), shrinkMs: Number(CLOUD_TEST_SHRINK_MS ?? '60000'), ...seed });
  process.stdout.write(`${describeExploration(exploration)}\n`);
  process.exitCode = exploration.failure === undefined ? 0 : 1;
} else {
  useMemoryForFiles();
  const scenario = JSON.parse(readFileSync(CLOUD_TEST_SCENARIO, 'utf8')) as Scenario;
  const outcome = await play(scenario, { syncs: 0, kills: 0, faults: 0, races: 0 });
  process.stdout.write(`${[...outcome.violations, ...outcome.history].join('\n')}\n`);
  process.exitCode = outcome.violations.length === 0 ? 0 : 1;
}
