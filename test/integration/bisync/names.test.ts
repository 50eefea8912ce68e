import { execFileSync } from 'node:child_process';
import { chmod, lstat, mkdir, open, readdir, rename, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket, testDevice } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
});

const folding = { names: { caseInsensitive: true } };

it('where case does not count, the second of two names is told before it is brought, and stays there', async () => {
  await bucket.put('Note.md', 'one');
  await bucket.put('note.md', 'two');
  await bucket.put('Dir/a.md', 'a');
  await bucket.put('dir/b.md', 'b');
  for (let round = 0; round < 2; round += 1) {
    const result = await laptop.sync({}, folding);
    expect(result.exitCode).toBe(3);
    expect(result.problems.map(({ path, reason }) => `${reason} ${path}`)).toEqual([
      'name-collision dir/b.md',
      'name-collision note.md',
    ]);
  }
  expect(await laptop.files()).toEqual(
    new Map([
      ['Note.md', 'one'],
      ['Dir/a.md', 'a'],
    ]),
  );
  expect((await bucket.objects()).size).toBe(4);
});

it('where case does not count, a name whose case was changed is a rename, on either side', async () => {
  await laptop.write('A.md', 'a');
  await laptop.write('B.md', 'b');
  await laptop.sync({}, folding);
  await bucket.remove('A.md');
  await bucket.put('a.md', 'a');
  await rename(join(laptop.root, 'B.md'), join(laptop.root, 'b.md'));
  laptop.events.length = 0;
  expect(await laptop.sync({}, folding)).toMatchObject({
    ...{ exitCode: 0, problems: [], counts: { renamed: 2 } },
  });
  // The old name made room before the new one came.
  const order = laptop.events.flatMap((event) => ('path' in event ? [event.path] : []));
  expect(order.indexOf('A.md')).toBeLessThan(order.indexOf('a.md'));
  expect(await laptop.files()).toEqual(
    new Map([
      ['a.md', 'a'],
      ['b.md', 'b'],
    ]),
  );
  expect(await bucket.objects()).toEqual(await laptop.files());
});

it('what this system or the bucket cannot hold is told before anything is moved, and kept', async () => {
  const long = 'x'.repeat(300);
  await bucket.put(`${long}.md`, 'too long a name');
  const deep = Array.from({ length: 6 }, () => 'd'.repeat(200)).join('/');
  await laptop.write(`${deep}/f.md`, 'too long a key');
  await laptop.write('fine.md', 'fine');
  const result = await laptop.sync();
  expect(result.problems.map(({ path, reason }) => `${reason} ${path}`).sort()).toEqual([
    `unfit-name ${deep}/f.md`,
    `unfit-name ${long}.md`,
  ]);
  expect(result.counts).toMatchObject({ uploaded: 1, downloaded: 0 });
  expect((await bucket.objects()).size).toBe(2);
  expect((await laptop.files()).size).toBe(2);
});

it('names that others cannot hold are uploaded, and told once', async () => {
  for (const name of ['CON.md', 'end.', 'a:b.md', 'fine.md', 'case.md'])
    await laptop.write(name, name);
  await bucket.put('Case.md', 'other');
  const first = await laptop.sync();
  expect(first).toMatchObject({ exitCode: 0, problems: [], counts: { uploaded: 5 } });
  expect(first.warnings.map(({ path }) => path)).toEqual(['CON.md', 'a:b.md', 'case.md', 'end.']);
  await laptop.write('CON.md', 'edited');
  expect((await laptop.sync()).warnings).toEqual([]);
});

it('symlinks, empty folders and special files stay here; empty and sparse files are synced', async () => {
  await laptop.write('plain.md', 'plain');
  await laptop.write('empty.md', '');
  await symlink('plain.md', join(laptop.root, 'link.md'));
  await symlink('/etc', join(laptop.root, 'link-to-a-folder'));
  await symlink('nowhere', join(laptop.root, 'dangling'));
  await mkdir(join(laptop.root, 'empty-folder'));
  execFileSync('mkfifo', [join(laptop.root, 'pipe')]);
  const sparse = await open(join(laptop.root, 'sparse.bin'), 'w');
  await sparse.truncate(5 << 20);
  await sparse.close();
  expect(await laptop.sync()).toMatchObject({ exitCode: 0, counts: { uploaded: 3 } });
  expect([...(await bucket.objects()).keys()]).toEqual(['empty.md', 'plain.md', 'sparse.bin']);
  const other = await testDevice(bucket, 'other');
  await other.sync();
  expect((await stat(join(other.root, 'sparse.bin'))).size).toBe(5 << 20);
  expect(await other.read('empty.md')).toBe('');
  expect(await readdir(join(laptop.root, 'empty-folder'))).toEqual([]);
  expect((await lstat(join(laptop.root, 'link.md'))).isSymbolicLink()).toBe(true);
  expect((await laptop.sync()).counts).toMatchObject({ unchanged: 3, deletedRemote: 0 });
});

it('permission bits stay with the file here, and a replaced file keeps them', async () => {
  await laptop.write('run.sh', '#!/bin/sh');
  await chmod(join(laptop.root, 'run.sh'), 0o751);
  await laptop.sync();
  await bucket.put('run.sh', '#!/bin/sh\necho new');
  await laptop.sync();
  expect((await stat(join(laptop.root, 'run.sh'))).mode & 0o777).toBe(0o751);
  expect(await laptop.read('run.sh')).toContain('new');
});
