import { cp, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../support/free-port.ts';

const root = resolve(import.meta.dirname, '../..');

/** The instructions of the last stage of the Dockerfile, by their names. */
async function lastStage(): Promise<[string, string][]> {
  const text = await readFile(join(root, 'docs/deploy/Dockerfile'), 'utf8');
  const [, ...stages] = text.replace(/\\\n/g, ' ').split(/^FROM /m);
  return stages
    .at(-1)!
    .split('\n')
    .flatMap((line) => {
      const [, name, rest] = /^([A-Z]+) (.*)$/.exec(line.trim()) ?? [];
      return name === undefined ? [] : [[name, rest!]];
    });
}

/** What the image would hold, in a folder: the steps of the Dockerfile without an engine. */
async function image(folder: string, stage: readonly [string, string][]): Promise<void> {
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) {
    await cp(join(root, name), join(folder, name));
  }
  await execa('npm', ['ci', '--omit=dev', '--prefer-offline', '--no-audit'], { cwd: folder });
  for (const [name, rest] of stage) {
    if (name !== 'COPY' || rest.startsWith('--from=packages')) continue;
    const words = rest.replace(/^--from=build /, '').split(' ');
    const target = words.pop()!;
    for (const word of words) {
      const source = word.replace(/^\/build\//, '');
      await cp(join(root, source), join(folder, target === './' ? source : target), {
        recursive: true,
      });
    }
  }
}

test('the image, step by step: it serves, is healthy, is backed up while it runs, and ends in order', async () => {
  const work = await mkdtemp(join(tmpdir(), 'cloud-image-'));
  onTestFinished(() => rm(work, { recursive: true, force: true }));
  const [app, data] = [join(work, 'app'), join(work, 'data')];
  const stage = await lastStage();
  await image(app, stage);
  const port = await freePort();
  const set = Object.fromEntries(
    stage
      .filter(([name]) => name === 'ENV')
      .flatMap(([, rest]) => [...rest.matchAll(/(\w+)=(\S+)/g)])
      .map(([, name, value]) => [name!, value!.replace('/data', data)]),
  );
  const env = {
    ...set,
    PATH: process.env['PATH'],
    CLOUD_SERVER_HOST: '127.0.0.1',
    CLOUD_SERVER_PORT: `${port}`,
  };
  const entry = JSON.parse(stage.find(([name]) => name === 'ENTRYPOINT')![1]) as string[];
  const cloud = (...args: string[]) =>
    execa(process.execPath, [...entry.slice(1), ...args], {
      cwd: app,
      env,
      extendEnv: false,
      reject: false,
    });
  const health = stage.find(([name]) => name === 'HEALTHCHECK')![1];
  const check = JSON.parse(
    /CMD (\[.*\])$/.exec(health)![1]!.replace('8787', `${port}`),
  ) as string[];
  const healthy = async (): Promise<boolean> =>
    (await execa(process.execPath, check.slice(1), { reject: false })).exitCode === 0;

  const server = cloud('server', 'start');
  onTestFinished(() => void server.kill('SIGKILL'));
  await expect.poll(healthy, { timeout: 60_000 }).toBe(true);
  const address = ['--server', `http://127.0.0.1:${port}`];
  const tokenFile = (folder: string): string => join(folder, 'admin-token');
  const admin = (folder: string, ...args: string[]) =>
    execa(process.execPath, [...entry.slice(1), 'admin', ...args, ...address], {
      ...{ cwd: app, extendEnv: false, reject: false },
      env: { ...env, CLOUD_ADMIN_TOKEN_FILE: tokenFile(folder) },
    });
  const live = join(data, 'server');
  expect((await admin(live, 'tenant', 'add', '--slug', 'acme', '--name', 'Acme')).exitCode).toBe(0);

  const saved = join(work, 'backup');
  const backup = await cloud('server', 'backup', saved, '--json');
  expect(backup.exitCode, backup.stderr).toBe(0);
  expect(JSON.parse(backup.stdout)).toMatchObject({
    files: ['admin-token', 'server.key', 'server.sqlite'],
    objectsLeftOut: true,
  });
  expect((await stat(saved)).mode & 0o077).toBe(0);
  expect((await stat(join(saved, 'server.sqlite'))).mode & 0o077).toBe(0);
  expect((await cloud('server', 'backup', saved)).exitCode).toBe(2);
  expect((await admin(live, 'tenant', 'add', '--slug', 'later', '--name', 'Later')).exitCode).toBe(
    0,
  );

  server.kill('SIGTERM');
  expect((await server).exitCode).toBe(0);
  expect(await healthy()).toBe(false);

  // Restored: what was there at the backup, with the same token, and nothing later.
  const restored = cloud('server', 'start', '--data', saved);
  onTestFinished(() => void restored.kill('SIGKILL'));
  await expect.poll(healthy, { timeout: 60_000 }).toBe(true);
  const list = await admin(saved, 'tenant', 'list', '--json');
  expect(list.stdout).toContain('acme');
  expect(list.stdout).not.toContain('later');
  restored.kill('SIGTERM');
  expect((await restored).exitCode).toBe(0);
}, 240_000);
