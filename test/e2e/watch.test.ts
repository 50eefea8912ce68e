import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { openPerson, type Person } from '../support/person.ts';
import { startCloud, type RunningCloud } from '../support/running-cloud.ts';

const patient = { timeout: 20_000, interval: 50 };

async function watch(person: Person, ...more: string[]): Promise<RunningCloud> {
  const watcher = startCloud(['bisync', '--watch', ...more], person.env);
  await watcher.until(({ type, state }) => type === 'state' && state === 'idle');
  return watcher;
}

async function read(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

it('what is saved on one machine is on the other at once, and deletes follow', async () => {
  const laptop = await openPerson();
  const desk = await openPerson(laptop);
  const [watcher] = await Promise.all([watch(laptop), watch(desk)]);
  await writeFile(join(laptop.folder, 'fresh.md'), 'from the laptop');
  await vi.waitFor(async () => {
    expect(await read(join(desk.folder, 'fresh.md'))).toBe('from the laptop');
  }, patient);
  const change = await watcher.until(({ type, path }) => type === 'change' && path === 'fresh.md');
  expect(change).toMatchObject({ direction: 'up', kind: 'saved', via: 'lane', size: 15 });
  expect(change['lagMs']).toBeTypeOf('number');

  await writeFile(join(desk.folder, 'fresh.md'), 'and back');
  await vi.waitFor(async () => {
    expect(await read(join(laptop.folder, 'fresh.md'))).toBe('and back');
  }, patient);
  await rm(join(desk.folder, 'fresh.md'));
  await vi.waitFor(async () => {
    expect(await read(join(laptop.folder, 'fresh.md'))).toBeUndefined();
  }, patient);
  expect(watcher.lines.filter(({ type }) => type === 'conflict')).toEqual([]);
}, 120_000);

it('other commands speak to a watcher that runs', async () => {
  const { folder, cloud, env, server } = await openPerson();
  const watcher = await watch({ folder, cloud, env, server });

  const status = JSON.parse((await cloud('status', '--json')).stdout) as {
    folders: { state: string; watcher: { pid: number; view: { remote: string } } }[];
  };
  expect(status.folders).toMatchObject([
    { state: 'idle', watcher: { view: { local: 'events', remote: 'events', lane: 'open' } } },
  ]);
  expect((await cloud('status')).stdout).toContain('seen at once, here and in the cloud');
  expect((await cloud('mount-status')).stdout).toContain(`Watched  ${folder}`);
  const followed = startCloud(['mount-status', '--watch'], env);
  await followed.until((line) => JSON.stringify(line['watched']).includes('"state":"idle"'));
  const second = await cloud('bisync', '--watch', '--json');
  expect(second).toMatchObject({ exitCode: 11 });

  await mkdir(join(folder, 'new'));
  for (let index = 0; index < 30; index += 1) {
    await writeFile(join(folder, 'new', `${index}.md`), `${index}`);
  }
  const flushed = await cloud('flush', '--json');
  expect(flushed).toMatchObject({ exitCode: 0 });
  await followed.until((line) => JSON.stringify(line['watched']).includes('new/29.md'));
  followed.signal('SIGINT');
  expect(await followed.ended).toBe(0);
  expect(JSON.parse(flushed.stdout)).toMatchObject({ by: 'watcher', problems: [] });
  expect(await cloud('check')).toMatchObject({ exitCode: 0 });

  expect((await cloud('pause', '--for', '1h')).stdout).toMatch(/is paused until \d\d:\d\d:\d\d\.$/);
  expect((await cloud('status')).stdout).toContain('paused');
  await writeFile(join(folder, 'later.md'), 'later');
  const refused = await cloud('flush', '--json');
  expect(refused.exitCode).toBe(3);
  expect(refused.stderr).toContain('"code":"paused"');
  expect(await cloud('check')).toMatchObject({ exitCode: 8 });
  expect((await cloud('resume')).stdout).toMatch(/is synced again\.$/);
  await watcher.until(({ type, path }) => type === 'change' && path === 'later.md');

  const activity = await cloud('activity', '--limit', '3');
  expect(activity.stdout.split('\n').at(-1)).toMatch(/uploaded +later\.md +5 B$/);

  watcher.signal('SIGTERM');
  expect(await watcher.ended).toBe(0);
  expect(watcher.lines.at(-1)).toMatchObject({ type: 'result', graceful: true });
  expect((await cloud('status', '--json')).stdout).toContain('"watcher": null');
  const alone = await cloud('flush', '--json');
  expect(JSON.parse(alone.stdout.split('\n').at(-1)!)).toMatchObject({ type: 'result', by: 'run' });
}, 120_000);

it('a pause outlives its watcher', async () => {
  const { folder, cloud, env } = await openPerson();
  expect((await cloud('pause')).stdout).toContain('No watcher runs now');
  const watcher = startCloud(['bisync', '--watch'], env);
  await watcher.until(({ type, state }) => type === 'watching' && state === 'paused');
  await writeFile(join(folder, 'later.md'), 'later');
  expect(await cloud('check')).toMatchObject({ exitCode: 8 });
  await cloud('resume');
  await watcher.until(({ type, path }) => type === 'change' && path === 'later.md');
}, 60_000);

it('a watcher that was killed loses nothing, and says so to nobody', async () => {
  const person = await openPerson();
  const first = await watch(person);
  await writeFile(join(person.folder, 'one.md'), 'one');
  first.signal('SIGKILL');
  expect(await first.ended).toBe(-1);
  await writeFile(join(person.folder, 'two.md'), 'two');
  expect((await person.cloud('status', '--json')).stdout).toContain('"watcher": null');
  await watch(person);
  const flushed = await person.cloud('flush');
  expect(flushed).toMatchObject({ exitCode: 0 });
  expect(await person.cloud('check')).toMatchObject({ exitCode: 0 });
}, 60_000);

it('what needs a person ends it, with the code of a run', async () => {
  const { folder, env, cloud, server } = await openPerson();
  const watcher = await watch({ folder, env, cloud, server });
  await rm(join(folder, '.cloud-pair.json'));
  await writeFile(join(folder, 'n1.md'), 'edited');
  expect(await watcher.ended).toBe(78);
  expect(JSON.parse(watcher.stderr())).toMatchObject({ error: { code: 'halted-marker-missing' } });
}, 60_000);
