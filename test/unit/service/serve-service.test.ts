import { join } from 'node:path';
import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { reportOf } from '../../../src/cli/report.ts';
import { AbortError } from '../../../src/output/errors.ts';
import { ExitCode } from '../../../src/output/exit-codes.ts';
import { openLog } from '../../../src/output/log.ts';
import type { Clock } from '../../../src/platform/clock.ts';
import type { Host } from '../../../src/platform/host.ts';
import { keepRunning } from '../../../src/service/keep.ts';
import { serviceFiles } from '../../../src/service/kinds.ts';
import { writeServiceRecord } from '../../../src/service/record.ts';
import { readRun } from '../../../src/service/run-record.ts';
import { serveService, type ServeDeps } from '../../../src/service/serve-service.ts';
import { notification } from '../../../src/service/tell-person.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { openWorkspace } from '../../support/workspace.ts';

const ID = 'bisync-acme';

const BESIDE_MS = 60_000;

function untilAborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => signal?.addEventListener('abort', () => resolve()));
}

async function installed() {
  const { host: real } = await openWorkspace();
  const time = adjustableClock();
  const clock: Clock = {
    now: () => time.now(),
    // What runs beside the work does not move the time.
    sleep: (ms, signal) => (ms === BESIDE_MS ? untilAborted(signal) : time.sleep(ms, signal)),
  };
  const host: Host = { ...real, clock };
  await writeServiceRecord(host, {
    ...{ version: 1, id: ID, kind: 'bisync', context: 'acme', path: null, profile: null },
    ...{ command: [], environment: {}, cliVersion: '1', definitionSha256: '', installedAt: '' },
  });
  const told: string[] = [];
  const serve = (
    job: () => Promise<void>,
    manager: ServeDeps['manager'] = 'systemd',
  ): Promise<number> =>
    serveService(ID, host, {
      ...{ manager, job, reportOf, signal: new AbortController().signal },
      log: openLog(serviceFiles(host.places, ID).log),
      tell: (_platform, text) => Promise.resolve(void told.push(text)),
    });
  return { host, clock, serve, told };
}

const fail = (exitCode: ExitCode) => () =>
  Promise.reject(
    new AbortError('some-trouble', 'Trouble.', { exitCode, suggestions: ['cloud login'] }),
  );

test.each([
  [ExitCode.usage, 0],
  [ExitCode.auth, 0],
  [ExitCode.notSetUp, 0],
  [ExitCode.rclone, 0],
  [ExitCode.needsPerson, 0],
  [ExitCode.failed, 1],
  [ExitCode.unreachable, 5],
  [ExitCode.mount, 13],
])(
  'code %i ends with %i under launchd, and is told where a person is needed',
  async (code, end) => {
    const { serve, told, host } = await installed();
    expect(await serve(fail(code), 'launchd')).toBe(end);
    expect(told).toEqual(end === 0 ? ['Trouble. cloud login'] : []);
    // Whatever launchd was told, `status` knows.
    expect(await readRun(host, ID)).toMatchObject({ state: 'ended', exitCode: code });
    expect(await serve(fail(code), 'systemd')).toBe(code);
  },
);

test('it rests the longer the more often it has failed, and starts anew after a good while', async () => {
  const { serve, host, clock } = await installed();
  const rests: number[] = [];
  for (let round = 0; round < 10; round += 1) {
    const before = clock.now();
    let started = before;
    await serve(() => {
      started = clock.now();
      return fail(ExitCode.failed)();
    });
    rests.push(Math.round((started - before) / 1000) * 1000);
  }
  expect(rests.slice(0, 4)).toEqual([0, 0, 5000, 10_000]);
  expect(Math.max(...rests)).toBe(300_000);
  await serve(async () => {
    await clock.sleep(61_000);
    await fail(ExitCode.failed)();
  });
  expect(await readRun(host, ID)).toMatchObject({ failures: 0 });
});

test('a keychain that is opened a moment after login is waited for', async () => {
  const { serve, told } = await installed();
  let tries = 0;
  const job = (): Promise<void> => {
    tries += 1;
    return tries === 4
      ? Promise.resolve()
      : Promise.reject(
          new AbortError('no-keychain', 'The keychain is locked.', {
            exitCode: ExitCode.needsPerson,
          }),
        );
  };
  expect(await serve(job)).toBe(0);
  tries = 10;
  expect(await serve(job)).toBe(78);
  expect(told).toHaveLength(1);
});

test('where the system does not restart, a keeper does: not after a wait, and not when asked to end', async () => {
  const { root, host } = await openWorkspace();
  const stop = join(root, 'stop');
  const count = join(root, 'count');
  const keep = (script: string): Promise<number> =>
    keepRunning({
      command: [
        process.execPath,
        '-e',
        `require('fs').appendFileSync(${JSON.stringify(count)}, 'x');${script}`,
      ],
      environment: host.env,
      ...{ stop, log: openLog(join(root, 'log')), signal: new AbortController().signal },
      clock: adjustableClock(),
    });
  const starts = async (): Promise<number> => (await readFile(count, 'utf8')).length;
  // Three failures, then a wait for a person.
  expect(
    await keep(
      `process.exit(require('fs').readFileSync(${JSON.stringify(count)}).length < 4 ? 1 : 78)`,
    ),
  ).toBe(78);
  expect(await starts()).toBe(4);
  const kept = keep(`process.once('message', () => process.exit(0)); setInterval(() => {}, 1000)`);
  await expect.poll(starts).toBe(5);
  await writeFile(stop, '');
  expect(await kept).toBe(0);
  expect(await starts()).toBe(5);
});

test('a notification takes its text as an argument, never as a script', () => {
  const text = '"; do shell script "evil';
  expect(notification('darwin', text)?.at(-1)).toBe(text);
  expect(notification('darwin', text)?.slice(0, -1).join(' ')).not.toContain('evil');
  expect(notification('linux', '-x')?.slice(-3)).toEqual(['--', 'cloud', '-x']);
  expect(notification('win32', text)).toBeUndefined();
});
