/**
 * Many runs of a model: `npm run test:soak`. From the environment: CLOUD_TEST_MODEL (`lineage`,
 * `dropbox` or `live`), CLOUD_TEST_RUNS (2,000), CLOUD_TEST_SEED, CLOUD_TEST_SHRINK_MS (how long a failure is made
 * smaller), CLOUD_TEST_REPORT (a file for the result as JSON); CLOUD_TEST_SCENARIO, a file with the
 * scenario that a failure printed, plays that one again.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describeExploration, explore, type ModelName } from '../property/bisync/model/explore.ts';
import { exploreLive } from '../property/bisync/model/play-live.ts';
import { play, useMemoryForFiles } from '../property/bisync/model/play.ts';
import { DROPBOX_PATH, type Scenario } from '../property/bisync/model/steps.ts';

const { CLOUD_TEST_RUNS, CLOUD_TEST_SEED, CLOUD_TEST_SCENARIO, CLOUD_TEST_SHRINK_MS } = process.env;
const model = (process.env['CLOUD_TEST_MODEL'] ?? 'lineage') as ModelName;
const report = process.env['CLOUD_TEST_REPORT'];
if (process.env['CLOUD_TEST_MODEL'] === 'live') {
  const seed = Number(CLOUD_TEST_SEED ?? Date.now() % 2 ** 31);
  const tally = await exploreLive(Number(CLOUD_TEST_RUNS ?? '100'), seed);
  process.stdout.write(`${JSON.stringify(tally)}\n`);
} else if (CLOUD_TEST_SCENARIO === undefined) {
  const seed = CLOUD_TEST_SEED === undefined ? {} : { seed: Number(CLOUD_TEST_SEED) };
  const exploration = await explore({
    model,
    runs: Number(CLOUD_TEST_RUNS ?? '2000'),
    shrinkMs: Number(CLOUD_TEST_SHRINK_MS ?? '60000'),
    ...seed,
  });
  process.stdout.write(`${describeExploration(exploration)}\n`);
  if (report !== undefined) writeFileSync(report, JSON.stringify(exploration));
  process.exitCode = exploration.failure === undefined ? 0 : 1;
} else {
  useMemoryForFiles();
  const observed = model === 'dropbox' ? { observedPath: DROPBOX_PATH } : {};
  const scenario = JSON.parse(readFileSync(CLOUD_TEST_SCENARIO, 'utf8')) as Scenario;
  const outcome = await play(scenario, { syncs: 0, kills: 0, faults: 0, races: 0 }, observed);
  process.stdout.write(`${[...outcome.violations, ...outcome.history].join('\n')}\n`);
  process.exitCode = outcome.violations.length === 0 ? 0 : 1;
}
