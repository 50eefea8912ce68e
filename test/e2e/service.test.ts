import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { openPerson, type Person } from '../support/person.ts';
import { runCloud, type CloudRun } from '../support/run-cloud.ts';
import { canRunUserManager, startUserManager } from '../support/user-manager.ts';
import type { ServiceStatus } from '../../src/service/service-status.ts';

const binary = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const systemd = test.skipIf(!canRunUserManager());

interface Served extends Person {
  /** Runs a verb of `cloud bisync-service`. */
  service(...words: string[]): Promise<CloudRun>;
  status(): Promise<ServiceStatus>;
  /** Runs a program in the mount namespace of the services. */
  beside(program: string, ...args: string[]): Promise<CloudRun>;
}

async function servedPerson(): Promise<Served> {
  const person = await openPerson();
  const { env, pid } = await startUserManager(person.env);
  const service = (...words: string[]): Promise<CloudRun> =>
    runCloud(['bisync-service', ...words], { env });
  // Beside the services, where the mounts are that they make.
  const beside = async (program: string, ...args: string[]): Promise<CloudRun> => {
    const run = await execa('nsenter', ['-t', `${pid}`, '-m', program, ...args], {
      ...{ env, extendEnv: false, reject: false, stdin: 'ignore' },
    });
    return { exitCode: run.exitCode ?? -1, stdout: run.stdout, stderr: run.stderr };
  };
  return {
    ...{ ...person, env, service, beside },
    status: async () => JSON.parse((await service('status', '--json')).stdout) as ServiceStatus,
  };
}

systemd(
  'a service under a real systemd syncs, is started again when it is killed, and tells the truth',
  async () => {
    const ada = await servedPerson();
    const installed = await ada.service('install', '--json');
    expect(installed.stderr).toBe('');
    expect(installed.exitCode).toBe(0);
    const { definition } = JSON.parse(installed.stdout) as { definition: string };
    await expect
      .poll(ada.status, { timeout: 30_000 })
      .toMatchObject({ state: 'running', faults: [] });

    // What it is for.
    await writeFile(join(ada.folder, 'by-the-service.md'), 'saved');
    await expect
      .poll(async () => (await ada.cloud('activity', 'by-the-service.md')).stdout, {
        timeout: 30_000,
      })
      .toContain('by-the-service.md');
    expect((await ada.service('logs')).stdout).toMatch(/watching .*notes/);

    // Killed: systemd starts another one.
    const before = await ada.status();
    process.kill(before.pid!, 'SIGKILL');
    await expect
      .poll(
        async () => {
          const { state, pid } = await ada.status();
          return state === 'running' && pid !== before.pid;
        },
        { timeout: 60_000 },
      )
      .toBe(true);

    // Edited by hand: said, and not overwritten unasked.
    await appendFile(definition, '\n[Unit]\nDescription=mine\n');
    const edited = await ada.status();
    expect(edited.faults.map(({ code }) => code)).toEqual(['definition-edited', 'not-taken-in']);
    expect(edited.nextSteps).toContain('cloud bisync-service install');
    expect((await ada.service('install', '--no-input')).exitCode).toBe(2);
    expect(await readFile(definition, 'utf8')).toContain('Description=mine');
    expect((await ada.service('install', '--yes')).exitCode).toBe(0);
    await expect
      .poll(ada.status, { timeout: 30_000 })
      .toMatchObject({ state: 'running', faults: [] });

    // Stopped is stopped, and no failure.
    expect((await ada.service('stop')).exitCode).toBe(0);
    expect(await ada.status()).toMatchObject({ state: 'stopped', exitCode: 0, pid: null });

    // Gone: said, with the cure.
    await rm(definition);
    expect((await ada.status()).faults.map(({ code }) => code)).toContain('definition-missing');
    const start = await ada.service('start');
    expect(start.exitCode).toBe(10);
    expect(start.stderr).toContain('cloud bisync-service install');

    expect((await ada.service('uninstall')).exitCode).toBe(0);
    expect(await ada.status()).toMatchObject({ state: 'not-installed', exitCode: 10 });
    expect((await ada.service('uninstall')).stdout).toContain('was not installed');
  },
  180_000,
);

systemd(
  'a service that needs a person is not started again, says why, and goes on once that is done',
  async () => {
    const ada = await servedPerson();
    const key = join(ada.env['CLOUD_HOME']!, 'config', 'secrets.json');
    const secrets = await readFile(key, 'utf8');
    await writeFile(key, '{}');
    expect((await ada.service('install')).exitCode).toBe(0);
    await expect
      .poll(ada.status, { timeout: 30_000 })
      .toMatchObject({ state: 'waiting', exitCode: 78 });
    const waiting = await ada.service('status');
    expect(waiting.exitCode).toBe(78);
    expect(waiting.stdout).toContain('cloud bisync-service start');
    const logs = (await ada.service('logs', '--json')).stdout;
    // Longer than RestartSec: it was started once only.
    await new Promise((resolve) => setTimeout(resolve, 7000));
    expect((await ada.service('logs', '--json')).stdout).toBe(logs);
    const whole = await ada.cloud('status');
    expect(whole.stdout).toContain('waits for you');
    await writeFile(key, secrets);
    expect((await ada.service('start')).exitCode).toBe(0);
    await expect.poll(ada.status, { timeout: 30_000 }).toMatchObject({ state: 'running' });
    expect((await ada.service('uninstall')).exitCode).toBe(0);
  },
  180_000,
);

systemd(
  'setup --service: the mount is served from login on, survives a kill, and ends in order',
  async () => {
    const ada = await servedPerson();
    const cloud = (...args: string[]): Promise<CloudRun> =>
      ada.beside(process.execPath, binary, ...args);
    const mounted = async (): Promise<ServiceStatus> =>
      JSON.parse((await cloud('mount-service', 'status', '--json')).stdout) as ServiceStatus;
    const path = join(ada.folder, '..', 'mounted');
    const setup = await cloud('setup', '--mode', 'mount', '--mount-path', path, '--service');
    expect(setup.exitCode, setup.stderr).toBe(0);
    expect(setup.stderr).toContain('The mount service for acme is installed.');
    await expect
      .poll(async () => (await cloud('mount-service', 'logs')).stdout, { timeout: 30_000 })
      .toContain('is mounted by `cloud mount` already');
    // What setup has mounted ends by hand; the service then mounts itself.
    expect((await cloud('unmount')).exitCode).toBe(0);
    await expect.poll(mounted, { timeout: 30_000 }).toMatchObject({ state: 'stopped' });
    expect((await cloud('mount-service', 'start')).exitCode).toBe(0);
    await expect
      .poll(async () => (await ada.beside('cat', join(path, 'n3.md'))).stdout, { timeout: 60_000 })
      .toBe('3');
    const { pid } = await mounted();
    process.kill(pid!, 'SIGKILL');
    await expect
      .poll(async () => (await mounted()).state === 'running' && (await mounted()).pid !== pid, {
        timeout: 60_000,
      })
      .toBe(true);
    await expect
      .poll(async () => (await ada.beside('cat', join(path, 'n4.md'))).stdout, { timeout: 60_000 })
      .toBe('4');
    expect((await cloud('mount-service', 'uninstall')).exitCode).toBe(0);
    expect((await ada.beside('mountpoint', path)).exitCode).not.toBe(0);
    expect((await cloud('mount-service', 'status')).exitCode).toBe(10);
  },
  240_000,
);

test('without a manager that can be reached it says what to do', async () => {
  const ada = await openPerson();
  await mkdir(ada.env['HOME']!, { recursive: true });
  const env = { ...ada.env, XDG_RUNTIME_DIR: join(ada.folder, 'nowhere') };
  const run = await runCloud(['bisync-service', 'install', '--json'], { env });
  expect(run.exitCode).toBe(78);
  expect(run.stderr).toContain('no-service-manager');
  expect(run.stderr).toContain('cloud bisync --watch');
});
