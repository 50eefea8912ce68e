/** Runs one sync in a process of its own, to be killed or bound by permissions. */
import { readFileSync } from 'node:fs';
import type { BisyncOptions } from '../../src/bisync/options.ts';
import { runBisync } from '../../src/bisync/run.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { resolvePlaces } from '../../src/platform/places.ts';
import { createS3Client } from '../../src/s3/client.ts';
import { undoRun } from '../../src/bisync/undo/undo-run.ts';
import type { SpawnOptions } from './devices.ts';
import { watchFiles } from './file-barrier.ts';
import { hurriedClock } from './hurried-clock.ts';
import { versionsOf } from './undo.ts';

interface Task extends SpawnOptions {
  options: BisyncOptions;
  env: NodeJS.ProcessEnv;
  home: string;
}

const task = JSON.parse(readFileSync(0, 'utf8')) as Task;
const hurried = task.hurried === true;
const places = resolvePlaces(task.env, process.platform, task.home);
const clock = hurried ? hurriedClock() : systemClock;
const host = { env: task.env, platform: process.platform, places, clock };
const print = (value: object): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};
const { killAt } = task;
if (killAt !== undefined) {
  let left = typeof killAt === 'number' ? killAt : killAt.nth;
  await watchFiles(({ operation, when, path }) => {
    if (typeof killAt === 'object') {
      if (operation !== killAt.operation || when !== killAt.when) return;
      if (path?.startsWith(places.state) === true) return;
    }
    if (left === 0) process.kill(process.pid, 'SIGKILL');
    left -= 1;
  });
}
try {
  const deps = hurried ? { s3: createS3Client(task.options.access, 2), settledMs: 0 } : {};
  const { undo, options } = task;
  const result =
    undo === undefined
      ? await runBisync(options, host, print, deps)
      : await undoRun({ ...options, run: undo, listVersions: versionsOf(options) }, host, deps);
  print({ type: 'result', result });
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  print({ type: 'error', code, message });
  process.exitCode = 1;
}
