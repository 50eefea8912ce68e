import { execa } from 'execa';
import { expect, test } from 'vitest';
import {
  currentProcess,
  identifyProcess,
  isRunning,
  signalProcess,
} from '../../../src/platform/processes.ts';

test('a process is recognised while it runs, and not once it has ended', async () => {
  const child = execa(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { reject: false });
  const identity = identifyProcess(child.pid ?? 0);
  expect(identity).toBeDefined();
  expect(isRunning(identity!)).toBe(true);
  expect(signalProcess(identity!, 'SIGTERM')).toBe(true);
  await child;
  expect(isRunning(identity!)).toBe(false);
  expect(signalProcess(identity!, 'SIGTERM')).toBe(false);
});

test('another process with the same pid is not taken for the recorded one', () => {
  const self = currentProcess();
  expect(isRunning(self)).toBe(true);
  const reused = { ...self, startedAt: 'earlier' };
  expect(isRunning(reused)).toBe(false);
  expect(signalProcess(reused, 'SIGKILL')).toBe(false);
});

test('pids that cannot be are no process', () => {
  for (const pid of [0, -1, 1.5, NaN]) expect(identifyProcess(pid)).toBeUndefined();
});
