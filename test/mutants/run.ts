/**
 * Breaks one invariant of the sync engine after the other and lets the lineage model look for it:
 * `npm run test:mutants [-- WORD …]` (words choose mutations by name). Prints a Markdown table and
 * ends with 1 when a mutation was not found. CLOUD_TEST_RUNS (400) bounds the runs for each,
 * CLOUD_TEST_SEED (1) is the seed, CLOUD_TEST_JOBS (2) the number at once.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Exploration } from '../property/bisync/model/explore.ts';
import { MUTANTS, type Mutant } from './mutants.ts';
import { makePatchedTree, removeTree, ROOT } from './patched-tree.ts';

const { CLOUD_TEST_RUNS = '400', CLOUD_TEST_SEED = '1', CLOUD_TEST_JOBS = '2' } = process.env;
const words = process.argv.slice(2);
const chosen = MUTANTS.filter(
  ({ name, invariant }) =>
    words.length === 0 || words.some((word) => `${invariant} ${name}`.includes(word)),
);

interface Row {
  mutant: Mutant;
  found: boolean;
  cells: string[];
}

/** Plays in a tree; resolves with the exit code. */
async function soak(tree: string, env: Record<string, string>): Promise<number> {
  const args = ['--disable-warning=ExperimentalWarning', join(tree, 'test/soak/bisync.ts')];
  const child = spawn(process.execPath, args, {
    cwd: tree,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? -1;
}

async function hunt(mutant: Mutant): Promise<Row> {
  const tree = await makePatchedTree(mutant);
  const work = await mkdtemp(join(tmpdir(), 'cloud-mutants-'));
  const report = join(work, 'report.json');
  try {
    await soak(tree, {
      ...{ CLOUD_TEST_RUNS, CLOUD_TEST_SEED, CLOUD_TEST_SHRINK_MS: '0' },
      CLOUD_TEST_REPORT: report,
    });
    const { runs, failure } = JSON.parse(await readFile(report, 'utf8')) as Exploration;
    if (failure === undefined) {
      return { mutant, found: false, cells: ['**survived**', String(runs)] };
    }
    // It must be the mutation that is found: without it the same scenario goes well.
    const scenario = join(work, 'scenario.json');
    await writeFile(scenario, JSON.stringify(failure.scenario));
    const honest = await soak(ROOT, { CLOUD_TEST_SCENARIO: scenario });
    if (honest !== 0) process.stderr.write(`${JSON.stringify(failure.scenario)}\n`);
    const kind = failure.violations.map((each) => each.split(':')[0] ?? '');
    const by = failure.life === undefined ? 'chance' : `life “${failure.life}”`;
    const found = `${by}: ${[...new Set(kind)].join(', ')}`;
    return honest === 0
      ? { mutant, found: true, cells: [found, String(runs)] }
      : { mutant, found: false, cells: [`${found}, **but so without it**`, String(runs)] };
  } finally {
    await removeTree(tree);
    await rm(work, { recursive: true, force: true });
  }
}

const rows = new Map<Mutant, Row>();
const queue = chosen.values();
await Promise.all(
  Array.from({ length: Number(CLOUD_TEST_JOBS) }, async () => {
    for (const mutant of queue) {
      const row = await hunt(mutant);
      rows.set(mutant, row);
      process.stderr.write(`${mutant.name}: ${row.cells.join(', ')} runs\n`);
    }
  }),
);
process.stdout.write(
  '| invariant | mutation | found by | runs | seed |\n|---|---|---|---:|---:|\n',
);
for (const mutant of chosen) {
  const { cells = [] } = rows.get(mutant) ?? {};
  const line = [mutant.invariant, mutant.name, ...cells, CLOUD_TEST_SEED].join(' | ');
  process.stdout.write(`| ${line} |\n`);
}
process.exitCode = [...rows.values()].every(({ found }) => found) ? 0 : 1;
