import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test, vi } from 'vitest';
import { fakeProgram } from '../../support/fake-program.ts';
import { openWorkspace } from '../../support/workspace.ts';
import { readTextIfExists } from '../../../src/platform/atomic-file.ts';
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

test.each(['darwin', 'win32'] as const)('the same by the programs of %s', async (platform) => {
  const { root } = await openWorkspace();
  const bin = join(root, 'bin');
  const asked = join(root, 'asked');
  // Of Windows only the call is real: the pid is in what it is asked.
  await fakeProgram(
    bin,
    'powershell.exe',
    `echo "$4" >> '${asked}'
pid=$(echo "$4" | sed 's/.*-Id \\([0-9]*\\).*/\\1/')
exec ps -o lstart= -p "$pid"`,
  );
  vi.stubEnv('PATH', `${bin}${delimiter}${process.env['PATH'] ?? ''}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const child = execa(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { reject: false });
  const identity = identifyProcess(child.pid ?? 0, platform)!;
  expect(identity.startedAt).toMatch(/\d\d:\d\d:\d\d/);
  expect(isRunning(identity, platform)).toBe(true);
  expect(isRunning({ ...identity, startedAt: 'earlier' }, platform)).toBe(false);
  child.kill('SIGKILL');
  await child;
  const before = await readTextIfExists(asked);
  expect(isRunning(identity, platform)).toBe(false);
  // Nobody starts PowerShell for a process that is not there.
  expect(await readTextIfExists(asked)).toBe(before);
  expect(before?.includes(`Get-Process -Id ${identity.pid} `) ?? false).toBe(platform === 'win32');
});

test('pids that cannot be are no process', () => {
  for (const pid of [0, -1, 1.5, NaN]) expect(identifyProcess(pid)).toBeUndefined();
});
