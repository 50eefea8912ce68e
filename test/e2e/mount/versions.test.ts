import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { parseVersionKey } from '../../../src/mount/gateway/version-keys.ts';
import { isRunning } from '../../../src/platform/processes.ts';
import { kill, mountTest, openMountUser, until, type MountUser } from '../../support/mount-user.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['kept', 'crash', 'alone', 'unmounts'] });
});
afterAll(() => server.close());
afterEach(() => server.objectStore.faults.clear());

/** `path reason: content` of every copy in the bucket. */
async function versions({ bucket }: MountUser): Promise<string[]> {
  const found = await Promise.all(
    (await bucket.names()).map(async (key) => {
      const version = parseVersionKey(key);
      if (version === undefined) return [];
      return [`${version.path} ${version.reason}: ${await bucket.text(key)}`];
    }),
  );
  return found.flat().sort();
}

const uploaded = (user: MountUser, name: string, text: string): Promise<void> =>
  until(async () => (await user.bucket.text(name)) === text);

mountTest(
  'safe keeps what is overwritten, deleted or renamed over, and does not show it',
  async () => {
    const user = await openMountUser(server, 'kept');
    const at = (name: string): string => join(user.folder, name);
    for (const name of ['a.md', 'gone.md', 'target.md', 'dir/x.md', 'dir/deep/y.md']) {
      await user.bucket.put(name, `old ${name}`);
    }
    await user.mount('--profile', 'safe');
    await writeFile(at('a.md'), 'new');
    await uploaded(user, 'a.md', 'new');
    await rm(at('gone.md'));
    await writeFile(at('.target.tmp'), 'new target');
    await uploaded(user, '.target.tmp', 'new target');
    await rename(at('.target.tmp'), at('target.md'));
    await rename(at('a.md'), at('renamed.md'));
    await rm(at('dir'), { recursive: true });
    await user.json('unmount');
    expect(await versions(user)).toEqual([
      'a.md replaced: old a.md',
      'dir/deep/y.md deleted: old dir/deep/y.md',
      'dir/x.md deleted: old dir/x.md',
      'gone.md deleted: old gone.md',
      'target.md replaced: old target.md',
    ]);
    expect(await user.bucket.text('renamed.md')).toBe('new');
    expect(await user.bucket.text('target.md')).toBe('new target');
    await user.mount('--profile', 'safe');
    expect((await readdir(user.folder)).sort()).toEqual(['renamed.md', 'target.md']);
    const { stdout } = await user.cloud('mount-status', '--verbose');
    expect(stdout).toContain('.cloud-versions/');
    await user.json('unmount');
  },
);

mountTest('killed between the copy and the write, safe loses neither version', async () => {
  const user = await openMountUser(server, 'crash');
  await user.bucket.put('a.md', 'old');
  await user.mount('--profile', 'safe');
  await writeFile(join(user.folder, 'first.md'), 'goes through');
  await uploaded(user, 'first.md', 'goes through');
  // The copy is made, and then nothing gets through any more.
  server.objectStore.faults.set({ errorRate: 1, only: ['PutObject'] });
  // Large enough not to be tried first as a new name.
  const large = 'new'.repeat(400_000);
  await writeFile(join(user.folder, 'a.md'), large);
  await until(async () => (await versions(user)).length > 0);
  const { supervisor, rclone } = user.record();
  await kill(supervisor!);
  await kill(rclone!);
  expect(await user.bucket.text('a.md')).toBe('old');
  server.objectStore.faults.clear();
  await user.json('mount');
  await uploaded(user, 'a.md', large);
  await user.json('unmount');
  expect(new Set(await versions(user))).toEqual(new Set(['a.md replaced: old']));
});

mountTest('a safe mount whose supervisor died is started again, and nothing is lost', async () => {
  const user = await openMountUser(server, 'alone');
  const { supervisor, rclone } = await user.mount('--profile', 'safe');
  await writeFile(join(user.folder, 'a.md'), 'a');
  await kill(supervisor!);
  expect(await user.status()).toMatchObject({
    state: 'degraded',
    problem: { code: 'unsupervised' },
  });
  const again = await user.json('mount');
  expect(again).toMatchObject({ profile: 'safe', state: 'mounted', path: user.folder });
  expect(isRunning(rclone!)).toBe(false);
  expect(await readFile(join(user.folder, 'a.md'), 'utf8')).toBe('a');
  expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
  expect(await user.bucket.text('a.md')).toBe('a');
});

mountTest('unmounting a safe mount whose supervisor died uploads what waits', async () => {
  const user = await openMountUser(server, 'unmounts');
  await mkdir(user.folder, { recursive: true });
  const { supervisor } = await user.mount('--profile', 'safe');
  await writeFile(join(user.folder, 'a.md'), 'a');
  await kill(supervisor!);
  expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
  expect(await user.bucket.text('a.md')).toBe('a');
  expect((await user.status()).state).toBe('unmounted');
});
