/** Runs one sync in a process of its own, to be killed or bound by permissions. */
import { readFileSync } from 'node:fs';
import type { BisyncOptions } from '../../src/bisync/options.ts';
import { runBisync } from '../../src/bisync/run.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { resolvePlaces } from '../../src/platform/places.ts';

interface Task {
  options: BisyncOptions;
  env: NodeJS.ProcessEnv;
  home: string;
}

const task = JSON.parse(readFileSync(0, 'utf8')) as Task;
const places = resolvePlaces(task.env, process.platform, task.home);
const host = { env: task.env, platform: process.platform, places, clock: systemClock };
const print = (value: object): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};
try {
  print({ type: 'result', result: await runBisync(task.options, host, print) });
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  print({ type: 'error', code, message });
  process.exitCode = 1;
}
