/**
 * npm run bench:mount [-- --rounds 2 --latency 0,40 --profiles fast,balanced,safe --folder DIR]
 *
 * What programs do in a folder, in a mount of each profile beside plain `rclone mount` of the same
 * freshness, `rclone mount` with its defaults and the local disk: in one run, task by task in turn,
 * so that a change of the machine's mood meets all alike. Medians, in milliseconds, as Markdown.
 */
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { openContenders, usersOf, type Contender } from './mount/contenders.ts';
import { openLab } from './mount/lab.ts';
import { print } from './mount/report.ts';
import { Results } from './mount/results.ts';
import { runRound } from './mount/round.ts';
import { makeMaterial, tasksOf, type Size } from './mount/work.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '2' },
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
  for (const latency of options.latency.split(',').map(Number)) {
    await lab.latency(latency);
    const before = loadavg()[0] ?? 0;
    const size = latency === 0 ? FULL : FEWER;
    const material = makeMaterial(lab.root, size);
    const tasks = tasksOf(material, size);
    const rounds = latency === 0 ? Number(options.rounds) : Math.ceil(Number(options.rounds) / 2);
    const results = new Results();
    for (let round = 0; round < rounds; round += 1) {
      // Nobody is always the first.
      const turn = [...contenders.slice(round), ...contenders.slice(0, round)];
      await runRound(lab, turn, tasks, material, results);
    }
    await lab.latency(0);
    const load = `load ${before.toFixed(1)} → ${(loadavg()[0] ?? 0).toFixed(1)}`;
    print(`${latency} ms storage latency, ${rounds} rounds, ${load}`, tasks, contenders, results);
  }
} catch (error) {
  // What is under way when it is broken off fails.
  if (closed === undefined) throw error;
} finally {
  await close();
}
