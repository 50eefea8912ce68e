/**
 * npm run bench:mount [-- --minutes 12 --rounds 9 --latency 0,40 --profiles fast,balanced,safe --folder DIR]
 *
 * What programs do in a folder, in a mount of each profile beside plain `rclone mount` of the same
 * freshness, `rclone mount` with its defaults and the local disk: in one run, task by task in turn,
 * so that a change of the machine's mood meets all alike. A round at each latency, and then as many
 * more as the minutes allow. Medians, in milliseconds, as the Markdown of docs/benchmarks.md.
 */
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { openContenders, usersOf, type Contender } from './mount/contenders.ts';
import { openLab } from './mount/lab.ts';
import { print } from './mount/report.ts';
import { Results } from './mount/results.ts';
import { runRound, type Series } from './mount/round.ts';
import { makeMaterial, tasksOf, type Size } from './mount/work.ts';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '12' },
    rounds: { type: 'string', default: '9' },
    latency: { type: 'string', default: '0,40' },
    profiles: { type: 'string', default: 'fast,balanced,safe' },
    folder: { type: 'string', default: tmpdir() },
  },
});
/** At a latency everything takes a hundred times as long, and shows as much with less. */
const FULL: Size = { files: 1000, largeMiB: 256, repository: 400 };
const FEWER: Size = { files: 50, largeMiB: 256, repository: 50 };
const profiles = options.profiles.split(',');
const lab = await openLab(usersOf(profiles), options.folder);
let contenders: Contender[] = [];
let closed: Promise<void> | undefined;
const close = (): Promise<void> => {
  for (const contender of contenders) contender.discard();
  return (closed ??= lab.close());
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void close().then(() => process.exit(130)));
}
try {
  const model = cpus()[0]?.model ?? 'unknown';
  const gib = (totalmem() / 1024 ** 3).toFixed(0);
  console.log(`Node ${process.version}, ${availableParallelism()} cores (${model}), ${gib} GiB`);
  contenders = await openContenders(lab, profiles);
  const series = options.latency.split(',').map((latency) => openSeries(Number(latency)));
  const began = performance.now();
  for (let round = 0; round < Number(options.rounds); round += 1) {
    // Nobody is always the first.
    const turn = [...contenders.slice(round), ...contenders.slice(0, round)];
    for (const each of series) {
      const left = Number(options.minutes) * 60_000 - (performance.now() - began);
      if (round > 0 && each.longestMs > left) continue;
      const started = performance.now();
      await lab.latency(each.latency);
      each.loads.push(loadavg()[0] ?? 0);
      await runRound(lab, turn, each, `round-${each.latency}-${round}`);
      await lab.latency(0);
      each.loads.push(loadavg()[0] ?? 0);
      each.longestMs = Math.max(each.longestMs, performance.now() - started);
      each.rounds += 1;
    }
  }
  for (const { latency, rounds, loads, tasks, results } of series) {
    const load = `load ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`;
    const title = `${latency} ms storage latency, medians of ${rounds}, ${load}`;
    print(title, tasks, contenders, results);
  }
} catch (error) {
  // What is under way when it is broken off fails.
  if (closed === undefined) throw error;
} finally {
  await close();
}

function openSeries(latency: number): Series & Run {
  const size = latency === 0 ? FULL : FEWER;
  const material = makeMaterial(lab.root, size);
  const measured = { tasks: tasksOf(material, size), material, results: new Results() };
  return { ...measured, latency, rounds: 0, longestMs: 0, loads: [] };
}

/** How it went at one latency. */
interface Run {
  latency: number;
  rounds: number;
  longestMs: number;
  loads: number[];
}
