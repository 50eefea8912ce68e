import { expect, test } from 'vitest';
import type { Host } from '../../../src/platform/host.ts';
import { resolvePlaces } from '../../../src/platform/places.ts';
import { launchd } from '../../../src/service/launchd.ts';
import type { ProgramEnd, RunProgram } from '../../../src/service/run-program.ts';
import { systemd } from '../../../src/service/systemd.ts';
import { taskScheduler } from '../../../src/service/task-scheduler.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';

/** Stands in for launchctl, schtasks and systemctl: notes the calls, answers by their beginning. */
function manager(answers: Record<string, Partial<ProgramEnd>[]> = {}) {
  const calls: string[] = [];
  const run: RunProgram = (program, args) => {
    const call = [program, ...args].join(' ');
    calls.push(call);
    const found = Object.keys(answers).find((start) => call.startsWith(start));
    const queue = found === undefined ? [] : (answers[found] ?? []);
    const answer = queue.length > 1 ? queue.shift() : queue[0];
    return Promise.resolve({ exitCode: 0, stdout: '', stderr: '', ...answer });
  };
  return { calls, run };
}

function hostOf(platform: NodeJS.Platform): Host {
  const home = platform === 'win32' ? 'C:\\Users\\Ada' : '/Users/ada';
  return { platform, env: {}, places: resolvePlaces({}, platform, home), clock: adjustableClock() };
}

test('launchd: a job that is still leaving is waited for, and a stop is not started again', async () => {
  const busy = { exitCode: 5, stderr: 'Bootstrap failed: 5: Input/output error' };
  const { calls, run } = manager({
    'launchctl bootstrap': [busy, busy, {}],
    'launchctl print gui/501/cloud-cli.bisync-acme': [{ exitCode: 113 }],
  });
  const mac = launchd(hostOf('darwin'), run, 501);
  await mac.register('bisync-acme');
  expect(calls.filter((call) => !call.startsWith('launchctl print'))).toEqual([
    'launchctl enable gui/501/cloud-cli.bisync-acme',
    'launchctl bootout gui/501/cloud-cli.bisync-acme',
    ...Array.from(
      { length: 3 },
      () =>
        'launchctl bootstrap gui/501 /Users/ada/Library/LaunchAgents/cloud-cli.bisync-acme.plist',
    ),
  ]);
  calls.length = 0;
  await mac.stop('bisync-acme');
  expect(calls).toEqual(['launchctl kill SIGTERM gui/501/cloud-cli.bisync-acme']);
});

test('launchd: what its words say of a job', async () => {
  const { run } = manager({
    'launchctl print-disabled': [{ stdout: '\t"cloud-cli.bisync-acme" => disabled\n' }],
    'launchctl print gui': [{ stdout: 'x = {\n\tstate = running\n\tpid = 4711\n}\n' }],
  });
  expect(await launchd(hostOf('darwin'), run, 501).look('bisync-acme')).toMatchObject({
    ...{ known: true, active: true, pid: 4711, atLogin: false },
  });
});

test('over SSH alone there is no launchd of a user, and that is said', async () => {
  const { run } = manager({ 'launchctl print gui/501': [{ exitCode: 113 }] });
  await expect(launchd(hostOf('darwin'), run, 501).check()).rejects.toMatchObject({
    ...{ code: 'no-service-manager', exitCode: 78 },
  });
});

test('Windows: the task is made from the file, and found out when another action is in it', async () => {
  const { calls, run } = manager({
    'schtasks.exe /Query': [
      { stdout: '<Task><Settings><Enabled>false</Enabled></Settings></Task>' },
    ],
  });
  const windows = taskScheduler(hostOf('win32'), run);
  await windows.register('mount-acme');
  expect(calls[0]).toBe(
    `schtasks.exe /Create /TN \\cloud-cli\\mount-acme /XML ${windows.definitionPath('mount-acme')} /F`,
  );
  expect(await windows.look('mount-acme')).toMatchObject({ known: true, atLogin: false });
  await windows.unregister('mount-acme');
  expect(calls.at(-1)).toBe('schtasks.exe /Delete /TN \\cloud-cli\\mount-acme /F');
});

test.each([
  [{ exitCode: 127 }, 'no systemd'],
  [{ exitCode: 1, stderr: 'Failed to connect to bus: No medium found\n' }, 'No medium found'],
])('systemd that cannot be reached: %j', async (end, said) => {
  const { run } = manager({ systemctl: [end] });
  await expect(systemd(hostOf('linux'), run).check()).rejects.toThrow(said);
});

test('systemd: without lingering it is said until when it runs', async () => {
  const { run } = manager({
    'systemctl --user show': [
      {
        stdout:
          'LoadState=loaded\nActiveState=active\nMainPID=7\nUnitFileState=enabled\nNeedDaemonReload=no\nDropInPaths=/x/override.conf\n',
      },
    ],
    loginctl: [{ stdout: 'no\n' }],
  });
  const look = await systemd(hostOf('linux'), run).look('bisync-acme');
  expect(look).toMatchObject({ known: true, atLogin: true, active: true, pid: 7, differs: false });
  expect(look.notes.join(' ')).toMatch(/override\.conf.*loginctl enable-linger/);
});
