import { mkdtemp, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { placeNew } from '../../../src/bisync/local-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloud-place-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

/** What `link` answers on FAT and some network file systems. */
const noHardLinks = (): Promise<never> =>
  Promise.reject(Object.assign(new Error('operation not permitted'), { code: 'EPERM' }));

describe.each([
  ['with hard links', undefined],
  ['without hard links', noHardLinks],
])('a file that gets its name %s', (_what, link) => {
  it('stays the same file: inode, time, and what a program still writes to it', async () => {
    const [from, to] = [join(folder, '.cloud-tmp-1'), join(folder, 'a.md')];
    await writeFile(from, 'content');
    await utimes(from, 1_000_000_000, 1_000_000_000);
    const before = await stat(from);
    const program = await open(from, 'a');
    expect(await placeNew(from, to, link)).toBe(true);
    const after = await stat(to);
    expect([after.ino, after.mtimeMs]).toEqual([before.ino, before.mtimeMs]);
    await program.appendFile(', written late');
    await program.close();
    expect(await readFile(to, 'utf8')).toBe('content, written late');
    expect(await readdir(folder)).toEqual(['a.md']);
  });

  it.each(['', 'theirs'])('never overwrites what has the name by now: %j', async (theirs) => {
    const [from, to] = [join(folder, '.cloud-tmp-1'), join(folder, 'a.md')];
    await writeFile(from, 'ours');
    await writeFile(to, theirs);
    expect(await placeNew(from, to, link)).toBe(false);
    expect(await readFile(from, 'utf8')).toBe('ours');
    expect(await readFile(to, 'utf8')).toBe(theirs);
  });
});

it('a name that could not be given after all is free again', async () => {
  const gone = join(folder, 'gone');
  await expect(placeNew(gone, join(folder, 'a.md'), noHardLinks)).rejects.toMatchObject({
    code: 'ENOENT',
  });
  expect(await readdir(folder)).toEqual([]);
});
