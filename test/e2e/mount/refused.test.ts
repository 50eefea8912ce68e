import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { listRecords } from '../../../src/mount/record.ts';
import { isRunning } from '../../../src/platform/processes.ts';
import { rememberFolders } from '../../../src/session/folders.ts';
import { STORED } from '../../../src/session/tokens.ts';
import { openSecretStore } from '../../../src/session/secret-store.ts';
import { isMounted, mountTest, openMountUser, until } from '../../support/mount-user.ts';
import { environmentsOf } from '../../support/seen-processes.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { makeUnwritable } from '../../support/unwritable.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['twice', 'folders', 'keys', 'foreign'] });
});
afterAll(() => server.close());

mountTest('a second mount of a bucket is refused with the details of the first', async () => {
  const user = await openMountUser(server, 'twice');
  const { supervisor, rclone } = await user.mount('--profile', 'fast');
  for (const path of [user.folder, join(user.root, 'elsewhere')]) {
    expect(await user.error('mount', '--path', path)).toMatchObject({
      code: 'already-mounted',
      exitCode: 13,
      details: { path: user.folder, profile: 'fast', state: 'mounted', pid: supervisor!.pid },
    });
  }
  expect(user.record()).toMatchObject({ state: 'mounted', rclone, supervisor });
  await user.json('unmount');
  expect(await user.error('unmount')).toMatchObject({ code: 'not-mounted', exitCode: 13 });
});

mountTest('a folder that cannot take a mount is refused, and nothing is left', async () => {
  const user = await openMountUser(server, 'folders');
  const full = join(user.root, 'full');
  await mkdir(full);
  await writeFile(join(full, 'mine.md'), 'mine');
  const file = join(user.root, 'file');
  await writeFile(file, 'a file');
  const unwritable = join(user.root, 'unwritable');
  await makeUnwritable(unwritable);
  const sync = join(user.root, 'home', 'Cloud');
  await rememberFolders(user.host, 'folders', { sync });
  for (const [path, words] of [
    [full, 'is not empty'],
    [file, 'is not a folder'],
    [join(file, 'below'), 'is not a folder'],
    [join(unwritable, 'new'), 'cannot be written to'],
    [join(sync, 'inside'), 'overlaps'],
  ] as const) {
    const refused = await user.error('mount', '--path', path);
    expect(refused, path).toMatchObject({ exitCode: 13 });
    expect(refused.message, path).toContain(words);
  }
  expect(await readdir(full)).toEqual(['mine.md']);
  expect(listRecords(user.host.places)).toEqual([]);
  expect(await environmentsOf(user.env['HOME']!, 'rcd')).toEqual([]);
});

mountTest('what somebody else has mounted there is neither used nor taken away', async () => {
  const user = await openMountUser(server, 'foreign');
  await user.mount();
  await user.json('unmount');
  await chmod(user.folder, 0o700);
  await makeUnwritable(user.folder);
  expect(await user.error('mount', '--path', user.folder)).toMatchObject({
    code: 'mount-point',
    details: { type: 'tmpfs' },
  });
  expect(await isMounted(user.folder)).toBe(true);
});

mountTest('keys that the storage refuses are told before anything is mounted', async () => {
  const user = await openMountUser(server, 'keys');
  const secrets = openSecretStore(user.host);
  const stored = (await secrets.getPassword(STORED.bucketKey, 'keys')) ?? '';
  const key = JSON.parse(stored) as { id: string; secret_key: string };
  const spoilt = { ...key, secret_key: `${key.secret_key.slice(0, -4)}AAAA` };
  await secrets.setPassword(STORED.bucketKey, 'keys', JSON.stringify(spoilt));
  await mkdir(user.folder, { recursive: true });
  const refused = { code: 'credentials-refused', exitCode: 4 };
  expect(await user.error('mount', '--path', user.folder)).toMatchObject(refused);
  await secrets.setPassword(STORED.bucketKey, 'keys', stored);
  await user.api.revokeMountCredential(key.id);
  expect(await user.error('mount', '--path', user.folder)).toMatchObject(refused);
  expect(await isMounted(user.folder)).toBe(false);
  await until(() => !isRunning(user.record().supervisor ?? { pid: 0, startedAt: '' }));
  expect(await environmentsOf(user.env['HOME']!, 'rcd')).toEqual([]);
  expect(await user.status()).toMatchObject({
    state: 'unmounted',
    problem: { code: 'credentials-refused' },
  });
});
