import fc from 'fast-check';
import { LIVES } from './lives.ts';
import { play, useMemoryForFiles } from './play.ts';
import { DROPBOX_PATH, dropboxScenario, scenario, type Scenario } from './steps.ts';
import type { Tally } from './sync-step.ts';

export type ModelName = 'lineage' | 'dropbox';

export interface ExploreOptions {
  /** Default: lineage. */
  model?: ModelName;
  /** At least so many runs … */
  runs: number;
  /** … and more while this lasts, in milliseconds. */
  budgetMs?: number;
  seed?: number;
  /** Seconds for making a failure smaller. */
  shrinkMs?: number;
}

export interface Exploration extends Tally {
  model: ModelName;
  runs: number;
  steps: number;
  seed: number;
  /** The smallest scenario that fails, and what is wrong with it. */
  failure:
    { life?: string; scenario: Scenario; violations: string[]; history: string[] } | undefined;
}

/** fast-check begins with small scenarios each time. */
const BATCH = 20;

/** Plays random scenarios of the lineage model until one fails or the runs are done. */
export async function explore(options: ExploreOptions): Promise<Exploration> {
  useMemoryForFiles();
  const seed = options.seed ?? (Date.now() ^ (process.pid << 8)) | 0;
  const tally: Exploration = {
    model: options.model ?? 'lineage',
    ...{ runs: 0, steps: 0, syncs: 0, kills: 0, faults: 0, races: 0, seed, failure: undefined },
  };
  const until = Date.now() + (options.budgetMs ?? 0);
  const [arbitrary, observed] =
    tally.model === 'dropbox' ? [dropboxScenario, { observedPath: DROPBOX_PATH }] : [scenario, {}];
  let failedAt: number | undefined;
  const property = fc.asyncProperty(arbitrary, async (each) => {
    if (failedAt === undefined) {
      tally.runs += 1;
      tally.steps += each.steps.length;
    } else if (Date.now() - failedAt > (options.shrinkMs ?? 60_000)) return true;
    const { violations, history } = await play(each, tally, observed);
    if (failedAt === undefined && tally.runs % 50 === 0)
      process.stderr.write(`${tally.runs} runs\n`);
    if (violations.length === 0) return true;
    failedAt ??= Date.now();
    tally.failure = { scenario: each, violations, history };
    return false;
  });
  if (tally.model === 'lineage') await playLives(tally);
  for (let batch = 0; tally.failure === undefined; batch += 1) {
    if (tally.runs >= options.runs && Date.now() >= until) break;
    const left = Math.max(1, options.runs - tally.runs);
    await fc.check(property, { seed: seed + batch, numRuns: Math.min(BATCH, left) });
  }
  return tally;
}

/** Those that are known to matter, before chance has its turn. */
async function playLives(tally: Exploration): Promise<void> {
  for (const { name: life, scenario: each } of LIVES) {
    const { violations, history } = await play(each, tally);
    if (violations.length > 0) tally.failure = { life, scenario: each, violations, history };
    if (tally.failure !== undefined) return;
  }
}

export function describeExploration(tally: Exploration): string {
  const { model, runs, steps, syncs, races, kills, faults, seed, failure } = tally;
  const head =
    `${model} model: ${runs} runs, ${steps} steps, ${syncs} syncs, ${races} edits during a sync, ` +
    `${kills} kills, ${faults} faults, ${failure === undefined ? 0 : 1} violations (seed ${seed})`;
  if (failure === undefined) return head;
  const shown = JSON.stringify(failure.scenario);
  const life = failure.life === undefined ? [] : [`life: ${failure.life}`];
  return [
    head,
    ...life,
    ...failure.violations,
    'history:',
    ...failure.history,
    `scenario: ${shown}`,
  ].join('\n  ');
}
