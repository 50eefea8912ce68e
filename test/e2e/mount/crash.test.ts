import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { isRunning } from '../../../src/platform/processes.ts';
import { isMounted, kill, mountTest, openMountUser, until } from '../../support/mount-user.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    tenants: ['rclone', 'watcher', 'drained', 'both', 'storm', 'inside'],
  });
});
afterAll(() => server.close());

mountTest('however rclone is killed after a save, the save arrives', async () => {
  const user = await openMountUser(server, 'rclone');
  await user.mount('--profile', 'fast');
  const acknowledged = new Map<string, string>();
  const save = async (name: string, text: string): Promise<void> => {
    await writeFile(join(user.folder, name), text);
    acknowledged.set(name, createHash('md5').update(text).digest('hex'));
  };
  await save('kept.md', 'the first version');
  await until(async () => (await user.bucket.names()).includes('kept.md'));
  // At once after the save: that is when rclone's notes of its cache are half-written.
  for (let round = 0; round < 4; round += 1) {
    const { rclone } = user.record();
    const text = `acknowledged ${round}\n`.repeat(1000);
    await save(`new ${round}.md`, text);
    await save('kept.md', `version ${round}`);
    await kill(rclone!);
    await until(
      () => user.record().state === 'mounted' && user.record().rclone!.pid !== rclone!.pid,
    );
    expect(await readFile(join(user.folder, `new ${round}.md`), 'utf8')).toBe(text);
  }
  expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
  const arrived = await user.bucket.etags();
  for (const [name, sum] of acknowledged) {
    // A version that may be older or newer than the bucket's is kept beside it.
    const versions = [...arrived].filter(([each]) => each.startsWith(name.replace('.md', '')));
    expect(
      versions.map(([, etag]) => etag),
      name,
    ).toContain(sum);
  }
});

mountTest('without its supervisor a mount serves on, and is taken over', async () => {
  const user = await openMountUser(server, 'watcher');
  const before = await user.mount('--profile', 'fast');
  await writeFile(join(user.folder, 'a.md'), 'a');
  await kill(before.supervisor!);
  const status = await user.status();
  expect(status).toMatchObject({ state: 'degraded', supervisor: null });
  expect(status.problem).toMatchObject({ code: 'unsupervised' });
  expect(status.pending.files).toMatchObject([{ name: 'a.md', size: 1 }]);
  // The advice of the status, word for word: the folder and the profile stay what they were.
  const taken = await user.json('mount');
  expect(taken).toMatchObject({ path: user.folder, profile: 'fast', state: 'mounted' });
  expect(user.record().rclone).toEqual(before.rclone);
  expect((await user.status()).state).toBe('mounted');
  expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
  expect(await user.bucket.text('a.md')).toBe('a');
});

mountTest('unmount uploads what waits although the supervisor is gone', async () => {
  const user = await openMountUser(server, 'drained');
  const { supervisor, rclone } = await user.mount();
  await writeFile(join(user.folder, 'a.md'), 'a');
  await kill(supervisor!);
  expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
  expect(await user.bucket.text('a.md')).toBe('a');
  expect(await isMounted(user.folder)).toBe(false);
  expect(isRunning(rclone!)).toBe(false);
  expect((await user.status()).state).toBe('unmounted');
});

mountTest('after both are killed the next mount clears the dead folder and uploads', async () => {
  const user = await openMountUser(server, 'both');
  const { supervisor, rclone } = await user.mount();
  await writeFile(join(user.folder, 'a.md'), 'a');
  await writeFile(join(user.folder, 'b.md'), 'bb');
  await kill(supervisor!);
  await kill(rclone!);
  await expect(readdir(user.folder)).rejects.toThrow(/ECONNABORTED|ENOTCONN/);
  await expect(readdir(user.folder)).rejects.toMatchObject({ code: 'ENOTCONN' });
  const status = await user.status();
  expect(status.state).toBe('dead');
  expect(status.pending.files).toMatchObject([{ name: 'a.md' }, { name: 'b.md' }]);
  const again = await user.json('mount');
  expect(again).toMatchObject({ path: user.folder, state: 'mounted' });
  expect((await readdir(user.folder)).sort()).toEqual(['a.md', 'b.md']);
  expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
  expect(await user.bucket.text('b.md')).toBe('bb');
});

mountTest('a dead mount is cleared when its bucket is mounted elsewhere', async () => {
  const user = await openMountUser(server, 'storm');
  const { supervisor, rclone } = await user.mount();
  await writeFile(join(user.folder, 'a.md'), 'a');
  await kill(supervisor!);
  await kill(rclone!);
  const elsewhere = join(user.root, 'home', 'elsewhere');
  await user.json('mount', '--path', elsewhere);
  expect(await isMounted(user.folder)).toBe(false);
  expect(await readdir(elsewhere)).toEqual(['a.md']);
  await user.json('unmount');
  expect(await user.bucket.text('a.md')).toBe('a');
});

mountTest('what a program wrote into a file that it still has open survives a kill', async () => {
  const user = await openMountUser(server, 'inside');
  const expected = Buffer.from(randomBytes(1 << 20).map((byte) => byte || 1));
  await user.bucket.put('records.bin', expected);
  await user.mount('--profile', 'fast');
  const file = await open(join(user.folder, 'records.bin'), 'r+');
  // Nothing of it was read, so rclone has the parts that are written here and no others.
  for (let index = 0; index < 200; index += 1) {
    const bytes = Buffer.from(`<${index}>`);
    const at = (index * 7919 * 13) % (expected.length - bytes.length);
    await file.write(bytes, 0, bytes.length, at);
    bytes.copy(expected, at);
  }
  await file.datasync();
  const { rclone } = user.record();
  await kill(rclone!);
  await file.close().catch(() => undefined);
  await until(() => user.record().state === 'mounted' && user.record().rclone!.pid !== rclone!.pid);
  expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
  expect((await user.bucket.bytes('records.bin'))?.equals(expected)).toBe(true);
  // The other reading of those blocks, in which zeros are content.
  expect(await user.bucket.names()).toHaveLength(2);
});
