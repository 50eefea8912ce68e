/** How long the CLI takes to start, beside Node itself: medians. Prints a Markdown table. */
import { measureStarts, START_CASES } from '../support/startup-times.ts';

const RUNS = Number(process.env['BENCH_RUNS'] ?? 40);
const times = START_CASES.map((): number[] => []);
measureStarts(RUNS, (round) => {
  round.forEach((ms, index) => times[index]?.push(ms));
  return true;
});

const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const base = median(times[0] ?? []);
console.log(`| command | median (ms) | × node | target |\n|---|---:|---:|---:|`);
START_CASES.forEach(({ name, target }, index) => {
  const ms = median(times[index] ?? []);
  const goal = target === undefined ? '' : `≤ ${target}`;
  console.log(`| \`${name}\` | ${ms.toFixed(1)} | ${(ms / base).toFixed(2)} | ${goal} |`);
});
