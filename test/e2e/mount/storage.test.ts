import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, afterAll, beforeAll, expect } from 'vitest';
import { listRecords } from '../../../src/mount/record.ts';
import { isRunning } from '../../../src/platform/processes.ts';
import { STORED } from '../../../src/session/tokens.ts';
import { openSecretStore } from '../../../src/session/secret-store.ts';
import {
  isMounted,
  mountTest,
  openMountUser,
  until,
  type MountUser,
} from '../../support/mount-user.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    tenants: [
      'down',
      'drain',
      'forced',
      'impatient',
      'early',
      'renewed',
      'renewed-safe',
      'signed-out',
    ],
  });
});
afterAll(() => server.close());
afterEach(() => server.objectStore.faults.clear());

const cutOff = (): void =>
  server.objectStore.faults.set({ cutRate: 1, cutAt: ['before'], errorRate: 0 });

mountTest('a storage that cannot be reached is told before anything is mounted', async () => {
  const user = await openMountUser(server, 'down');
  await mkdir(user.folder, { recursive: true });
  cutOff();
  expect(await user.error('mount', '--path', user.folder)).toMatchObject({
    code: 'storage-unreachable',
    exitCode: 5,
  });
  expect(await isMounted(user.folder)).toBe(false);
});

mountTest(
  'an unmount that cannot upload ends, still mounted; later everything arrives',
  async () => {
    const user = await openMountUser(server, 'drain');
    await user.mount('--profile', 'fast');
    cutOff();
    await writeFile(join(user.folder, 'a.md'), 'kept');
    const late = await user.error('unmount', '--timeout', '2');
    expect(late).toMatchObject({ code: 'uploads-pending', exitCode: 13 });
    expect(late.details['pending']).toMatchObject([{ name: 'a.md', size: 4 }]);
    expect(await isMounted(user.folder)).toBe(true);
    expect(await readFile(join(user.folder, 'a.md'), 'utf8')).toBe('kept');
    await until(() => user.record().state === 'degraded');
    expect(await user.status()).toMatchObject({
      state: 'degraded',
      problem: { code: 'uploads-failing' },
      pending: { files: [{ name: 'a.md' }] },
    });
    server.objectStore.faults.clear();
    expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
    expect(await user.bucket.text('a.md')).toBe('kept');
  },
);

mountTest('a forced unmount names what stays, and the next mount uploads it', async () => {
  const user = await openMountUser(server, 'forced');
  await user.mount();
  cutOff();
  await writeFile(join(user.folder, 'a.md'), 'kept');
  const forced = await user.cloud('unmount', '--force');
  expect(forced.exitCode).toBe(3);
  expect(forced.stdout).toContain('1 file (4 B) not uploaded yet');
  expect(forced.stdout).toContain('a.md');
  expect(await isMounted(user.folder)).toBe(false);
  expect(await user.status()).toMatchObject({
    state: 'unmounted',
    pending: { files: [{ name: 'a.md', size: 4 }], bytes: 4 },
  });
  server.objectStore.faults.clear();
  await user.mount('--profile', 'fast');
  await until(async () => (await user.bucket.names()).includes('a.md'));
  expect(await user.bucket.text('a.md')).toBe('kept');
  await user.json('unmount');
});

mountTest('forcing cuts an unmount short that waits for the storage', async () => {
  const user = await openMountUser(server, 'impatient');
  const { supervisor, rclone } = await user.mount();
  cutOff();
  await writeFile(join(user.folder, 'a.md'), 'kept');
  const waiting = user.error('unmount');
  await until(() => user.record().state === 'draining');
  const forced = await user.json('unmount', '--force').catch((error: unknown) => error);
  expect(String(forced)).toContain('exit 3');
  expect(await waiting).toMatchObject({ code: 'forced-meanwhile', exitCode: 13 });
  expect(await isMounted(user.folder)).toBe(false);
  expect([supervisor, rclone].map((each) => isRunning(each!))).toEqual([false, false]);
  expect((await user.status()).pending.files).toMatchObject([{ name: 'a.md' }]);
});

mountTest('an unmount during the start leaves nothing mounted or running', async () => {
  const user = await openMountUser(server, 'early');
  server.objectStore.faults.set({ latencyMs: 1000 });
  const mounting = user.cloud('mount', '--path', user.folder);
  await until(() => (listRecords(user.host.places)[0]?.rclone ?? null) !== null);
  const { supervisor, rclone } = user.record();
  expect(user.record().state).toBe('mounting');
  expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
  await mounting;
  await until(() => !isRunning(supervisor!));
  expect(isRunning(rclone!)).toBe(false);
  expect(await isMounted(user.folder)).toBe(false);
  expect(user.record()).toMatchObject({ state: 'unmounted', rclone: null });
});

/** From here on nothing is forgotten by itself, so a file can be made although the keys are refused. */
async function listWhileEventsTell(user: MountUser): Promise<void> {
  await user.bucket.put('told.md', 'an event');
  await until(async () => (await user.status()).freshness === 'events');
  await until(async () => (await readdir(user.folder)).includes('told.md'));
}

for (const [profile, slug] of [
  ['fast', 'renewed'],
  ['safe', 'renewed-safe'],
] as const) {
  mountTest(`a ${profile} mount whose keys were revoked gets new ones, once`, async () => {
    const user = await openMountUser(server, slug);
    const { rclone, credentialId } = await user.mount('--profile', profile);
    const keys = async (): Promise<string[]> =>
      (await user.api.listMountCredentials()).credentials.map(({ id }) => id);
    const before = await keys();
    await listWhileEventsTell(user);
    await user.api.revokeMountCredential(credentialId!);
    await writeFile(join(user.folder, 'a.md'), 'waits');
    await until(async () => (await user.bucket.names()).includes('a.md'));
    await until(() => user.record().state === 'mounted');
    const after = await keys();
    expect(after).not.toContain(credentialId);
    expect(after).toContain(user.record().credentialId);
    expect(after).toHaveLength(before.length);
    // What stands between rclone and the storage changes the keys without rclone noticing.
    expect(user.record().rclone!.pid === rclone!.pid).toBe(profile === 'safe');
    expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
  });
}

mountTest('without an account to ask, a mount waits for keys that somebody stores', async () => {
  const user = await openMountUser(server, 'signed-out');
  const { credentialId } = await user.mount('--profile', 'fast');
  const secrets = openSecretStore(user.host);
  const apiKey = (await secrets.getPassword(STORED.apiKey, 'signed-out')) ?? '';
  await secrets.deletePassword(STORED.apiKey, 'signed-out');
  await secrets.deletePassword(STORED.accessToken, 'signed-out');
  await listWhileEventsTell(user);
  await user.api.revokeMountCredential(credentialId!);
  await writeFile(join(user.folder, 'a.md'), 'waits');
  await until(() => user.record().problem?.code === 'uploads-failing');
  const { problem, pending } = await user.status();
  expect(problem?.message).toContain('refuses the keys');
  expect(pending.files).toMatchObject([{ name: 'a.md' }]);
  const issued = await user.api.createMountCredential({ description: 'by hand' });
  await secrets.setPassword(STORED.bucketKey, 'signed-out', JSON.stringify(issued));
  await until(async () => (await user.bucket.names()).includes('a.md'));
  await secrets.setPassword(STORED.apiKey, 'signed-out', apiKey);
  expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
});
