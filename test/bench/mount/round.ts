import { spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Contender } from './contenders.ts';
import type { Lab } from './lab.ts';
import { untilSettled } from './report.ts';
import type { Results } from './results.ts';
import type { Material, Task } from './work.ts';

/** A command that takes longer than this many milliseconds has failed. */
const LIMIT_MS = 180_000;

/** What is measured at one latency. */
export interface Series {
  tasks: readonly Task[];
  material: Material;
  results: Results;
}

/**
 * Each task once by each contender, in turn: of two tasks one forwards and one backwards, so that
 * neither of two rivals is always the first. What one has failed at it is not asked again.
 *
 * @param folder a name that no round before has used, in every mount
 */
export async function runRound(
  lab: Lab,
  contenders: readonly Contender[],
  { tasks, material, results }: Series,
  folder: string,
): Promise<void> {
  for (const contender of contenders) {
    await contender.mount();
    await mkdir(join(contender.folder, folder));
  }
  for (const [index, task] of tasks.entries()) {
    if (task.after === 'cold') await afresh(contenders);
    if (task.after === 'expired') await expire(contenders);
    for (const contender of index % 2 === 0 ? contenders : contenders.toReversed()) {
      if (results.failure(contender.name, task.name) !== undefined) continue;
      await rm(material.out, { recursive: true, force: true });
      const places = { M: join(contender.folder, folder), OUT: material.out };
      await measure(lab, contender, task, places, results);
    }
  }
  for (const contender of contenders) await contender.unmount();
}

async function measure(
  lab: Lab,
  contender: Contender,
  task: Task,
  places: { M: string; OUT: string },
  results: Results,
): Promise<void> {
  const { name, freshness } = contender;
  const before = await lab.requests();
  const started = performance.now();
  const why = await run(task.command, places);
  const returned = performance.now() - started;
  if (why !== undefined) {
    results.fail(name, task.name, why);
    return;
  }
  results.add(name, task.name, returned);
  if (task.uploads) {
    await contender.settled();
    results.add(name, untilSettled(task), performance.now() - started);
  }
  if (task.requests && freshness !== undefined) {
    const after = await lab.requests();
    const made = Object.entries(after).map(
      ([operation, count]) => [operation, count - (before[operation] ?? 0)] as const,
    );
    const words = made.filter(([, count]) => count > 0).map((each) => each.join(' '));
    results.countRequests(name, task.name, words.join(', ') || 'none');
  }
}

async function afresh(contenders: readonly Contender[]): Promise<void> {
  for (const contender of contenders) {
    await contender.unmount();
    await contender.mount();
  }
}

/** Waits until what every contender knows of the bucket is too old to be believed. */
async function expire(contenders: readonly Contender[]): Promise<void> {
  // rclone's own default of five minutes is not waited for.
  const seconds = contenders.map(({ freshness = 0 }) => (freshness > 60 ? 0 : freshness));
  await delay((Math.max(...seconds) + 1) * 1000);
}

/** @returns why it failed */
function run(command: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const child = spawn('sh', ['-c', `set -e; ${command}`], {
    env: { PATH: process.env['PATH'], LANG: 'C.UTF-8', HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: LIMIT_MS,
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(undefined);
      else resolve(signal ? `took too long` : (said.trim().split('\n').at(-1) ?? `ended ${code}`));
    });
  });
}
