import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect } from 'vitest';
import { isMounted, mountTest, openMountUser } from '../../support/mount-user.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['small', 'large', 'edits'] });
});
afterAll(() => server.close());

const md5 = (data: string | Buffer): string => createHash('md5').update(data).digest('hex');

mountTest('two hundred small files are in the bucket, byte for byte, once unmounted', async () => {
  const user = await openMountUser(server, 'small');
  const tree = join(user.root, 'tree');
  const sums = new Map<string, string>();
  for (let index = 0; index < 200; index += 1) {
    const name = `d${index % 10}/note ${index} – ü.md`;
    const data = `# ${index}\n${randomBytes(index * 10).toString('base64')}\n`;
    await mkdir(join(tree, `d${index % 10}`), { recursive: true });
    await writeFile(join(tree, name), data);
    sums.set(`tree/${name}`, md5(data));
  }
  await user.mount();
  // By another process, as programs do; see `MountUser`.
  await execa('cp', ['-r', tree, user.folder]);
  const unmounted = await user.json('unmount');
  expect(unmounted).toMatchObject({ type: 'result', kept: { files: [], bytes: 0 } });
  expect(await isMounted(user.folder)).toBe(false);
  expect(await user.bucket.etags()).toEqual(sums);
});

mountTest('a large file is uploaded whole, and progress is told', async () => {
  const user = await openMountUser(server, 'large');
  const data = randomBytes(64 * 1024 * 1024);
  await user.mount('--profile', 'fast');
  await writeFile(join(user.folder, 'large.bin'), data);
  const run = await user.cloud('unmount', '--json');
  expect(run.exitCode).toBe(0);
  expect(run.stdout).toContain('"type":"drain"');
  // Read back by a mount that has nothing in its cache.
  await rm(join(user.host.places.cache, 'mounts'), { recursive: true });
  await user.mount('--read-only');
  expect(md5(await readFile(join(user.folder, 'large.bin')))).toBe(md5(data));
  await expect(writeFile(join(user.folder, 'new'), '')).rejects.toMatchObject({ code: 'EROFS' });
  await user.json('unmount');
});

mountTest('append, rewrite, atomic save, rename, folder rename and delete arrive', async () => {
  const user = await openMountUser(server, 'edits');
  await user.mount();
  const at = (name: string): string => join(user.folder, name);
  await writeFile(at('log.txt'), 'one\n');
  await writeFile(at('log.txt'), 'two\n', { flag: 'a' });
  await writeFile(at('note.md'), 'first version\n');
  await writeFile(at('.note.md.swp'), 'second version\n');
  await rename(at('.note.md.swp'), at('note.md'));
  await writeFile(at('patched.txt'), '0123456789');
  const patched = await open(at('patched.txt'), 'r+');
  await patched.write('XX', 4);
  await patched.close();
  await mkdir(at('old/deep'), { recursive: true });
  await writeFile(at('old/deep/a.txt'), 'a');
  await rename(at('old'), at('new'));
  await writeFile(at('moved-from.txt'), 'moved');
  await rename(at('moved-from.txt'), at('moved-to.txt'));
  await writeFile(at('gone.txt'), 'gone');
  await rm(at('gone.txt'));
  expect((await readdir(user.folder)).sort()).toEqual(
    ['log.txt', 'moved-to.txt', 'new', 'note.md', 'patched.txt'].sort(),
  );
  await user.json('unmount');
  expect(await user.bucket.names()).toEqual(
    ['log.txt', 'moved-to.txt', 'new/deep/a.txt', 'note.md', 'patched.txt'].sort(),
  );
  expect(await user.bucket.text('log.txt')).toBe('one\ntwo\n');
  expect(await user.bucket.text('note.md')).toBe('second version\n');
  expect(await user.bucket.text('patched.txt')).toBe('0123XX6789');
  // What is left behind is an empty folder in which nothing can be written beside the mount.
  expect(await readdir(user.folder)).toEqual([]);
  expect((await stat(user.folder)).mode & 0o777).toBe(0o500);
});
