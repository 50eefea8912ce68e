/**
 * How long the CLI takes to start, beside Node itself: medians of interleaved runs, so that a
 * change of the machine's mood meets all of them alike. Prints a Markdown table.
 */
import { fileURLToPath } from 'node:url';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const RUNS = Number(process.env['BENCH_RUNS'] ?? 40);
const root = fileURLToPath(new URL('../..', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'cloud-bench-'));
const cloud = join(root, 'bin/run.js');
const cases: readonly { name: string; args: string[]; target?: number }[] = [
  { name: 'node -e 0', args: ['-e', '0'] },
  { name: 'cloud --version', args: [cloud, '--version'], target: 1.6 },
  { name: 'cloud --help', args: [cloud, '--help'], target: 3.2 },
  { name: 'cloud mount-status', args: [cloud, 'mount-status'], target: 3.2 },
];

const times = cases.map((): number[] => []);
for (let run = -2; run < RUNS; run += 1) {
  cases.forEach(({ args }, index) => {
    const started = process.hrtime.bigint();
    const { status, stderr } = spawnSync(process.execPath, args, {
      env: { ...process.env, HOME: home, CLOUD_HOME: join(home, 'cloud') },
      encoding: 'utf8',
    });
    const ms = Number(process.hrtime.bigint() - started) / 1e6;
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
    // The first rounds fill the compile cache, as a user's first run does.
    if (run >= 0) times[index]?.push(ms);
  });
}
rmSync(home, { recursive: true });

const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const base = median(times[0] ?? []);
console.log(`| command | median (ms) | × node | target |\n|---|---:|---:|---:|`);
cases.forEach(({ name, target }, index) => {
  const ms = median(times[index] ?? []);
  const goal = target === undefined ? '' : `≤ ${target}`;
  console.log(`| \`${name}\` | ${ms.toFixed(1)} | ${(ms / base).toFixed(2)} | ${goal} |`);
});
