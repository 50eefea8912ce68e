import { appendFileSync, existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Device, TestBucket } from '../../support/devices.ts';
import { testBucket, testDevice } from '../../support/test-devices.ts';

let bucket: TestBucket;
beforeEach(async () => {
  bucket = await testBucket();
});

async function device(name: string): Promise<Device> {
  const opened = await testDevice(bucket, name);
  return opened;
}

async function expectEqualSides(one: Device): Promise<void> {
  expect(await one.files()).toEqual(await bucket.objects());
}

/** Everything that can still be found, wherever. */
async function everyVersion(...devices: Device[]): Promise<string[]> {
  const places = await Promise.all(
    devices.map(async (each) => [...(await each.files()).values(), ...(await each.trash())]),
  );
  return [...places.flat(), ...(await bucket.objects()).values()];
}

const ODD_NAMES = [
  'ünï/Ç.md',
  'a b/c d.md',
  'plus+sign.md',
  '100%.md',
  '%20.md',
  "it's (a) [b] {c} *d* ~!.md",
  'double "quoted".md',
  'back\\slash.md',
  'tab\there.md',
  'line\nbreak.md',
  'full．width．md',
  'e\u0301.md',
  '😀.md',
  'deep/er/and/deeper/than/that/x.md',
  '.hidden/file',
  '#hash?query&and=so;on,$@:.md',
  ' leading and trailing .md',
];

describe('a run', () => {
  it('unites both sides at first, then moves only what changed', async () => {
    const laptop = await device('laptop');
    await laptop.write('notes/a.md', 'from here');
    await bucket.put('b.md', 'from the cloud');
    const first = await laptop.sync();
    expect(first.counts).toMatchObject({ uploaded: 1, downloaded: 1, unchanged: 0 });
    expect(first).toMatchObject({ united: true, exitCode: 0, state: 'idle', problems: [] });
    await expectEqualSides(laptop);
    bucket.store.requests.reset();
    const second = await laptop.sync();
    expect(second.counts).toMatchObject({ uploaded: 0, downloaded: 0, unchanged: 2 });
    expect(bucket.store.requests.counts()).toEqual({ ListObjectsV2: { requests: 1, errors: 0 } });
  });

  it('carries edits, deletes and renames of each side to the other', async () => {
    const [laptop, desktop] = [await device('laptop'), await device('desktop')];
    for (const name of ['edit', 'gone', 'old', 'theirs', 'stays']) {
      await laptop.write(`${name}.md`, name);
    }
    await laptop.sync();
    await desktop.sync();
    expect(await desktop.files()).toEqual(await laptop.files());
    await laptop.write('edit.md', 'edited on the laptop');
    await laptop.remove('gone.md');
    await rename(join(laptop.root, 'old.md'), join(laptop.root, 'new.md'));
    await desktop.write('theirs.md', 'edited on the desktop');
    const up = await laptop.sync();
    expect(up.counts).toMatchObject({ uploaded: 2, deletedRemote: 2, renamed: 1, conflicts: 0 });
    const both = await desktop.sync();
    expect(both.counts).toMatchObject({ uploaded: 1, downloaded: 2, deletedLocal: 2 });
    await laptop.sync();
    expect(await laptop.files()).toEqual(
      new Map([
        ['edit.md', 'edited on the laptop'],
        ['new.md', 'old'],
        ['theirs.md', 'edited on the desktop'],
        ['stays.md', 'stays'],
      ]),
    );
    expect(await desktop.files()).toEqual(await laptop.files());
    await expectEqualSides(laptop);
    expect(await desktop.trash()).toEqual(expect.arrayContaining(['edit', 'gone', 'old']));
  });

  it('keeps every name that Linux can hold, and empty files', async () => {
    const [laptop, desktop] = [await device('laptop'), await device('desktop')];
    for (const name of ODD_NAMES) await laptop.write(name, `content of ${name}`);
    await laptop.write('empty', '');
    const first = await laptop.sync();
    expect(first.problems).toEqual([]);
    expect([...(await bucket.objects()).keys()].sort()).toEqual([...ODD_NAMES, 'empty'].sort());
    await desktop.sync();
    expect(await desktop.files()).toEqual(await laptop.files());
    for (const name of ODD_NAMES) await desktop.write(name, `changed ${name}`);
    expect((await desktop.sync()).counts.uploaded).toBe(ODD_NAMES.length);
    expect((await laptop.sync()).counts.downloaded).toBe(ODD_NAMES.length);
    expect(await laptop.files()).toEqual(await desktop.files());
    expect((await laptop.sync()).counts.unchanged).toBe(ODD_NAMES.length + 1);
    for (const name of ODD_NAMES.slice(0, 3)) await laptop.remove(name);
    await laptop.sync();
    await desktop.sync();
    expect(await desktop.files()).toEqual(await laptop.files());
  });

  it('keeps modification times in both directions', async () => {
    const [laptop, desktop] = [await device('laptop'), await device('desktop')];
    await laptop.write('a.md', 'a');
    const time = new Date('2021-05-06T07:08:09.123Z');
    await utimes(join(laptop.root, 'a.md'), time, time);
    await laptop.sync();
    await desktop.sync();
    const { stat } = await import('node:fs/promises');
    const { mtimeMs } = await stat(join(desktop.root, 'a.md'));
    expect(Math.round(mtimeMs)).toBe(time.getTime());
  });

  it('moves a large file through a private copy and a stream', async () => {
    const [laptop, desktop] = [await device('laptop'), await device('desktop')];
    const content = 'x'.repeat(9 * 1024 * 1024);
    await laptop.write('large.bin', content);
    expect((await laptop.sync()).bytes.uploaded).toBe(content.length);
    await desktop.sync();
    expect((await desktop.read('large.bin')) === content).toBe(true);
    expect(await readdir(join(laptop.host.places.state, 'pairs'))).toHaveLength(1);
  });

  it('leaves out the default list and our own files', async () => {
    const laptop = await device('laptop');
    const out = ['.DS_Store', '.git/config', 'x/node_modules/y/z.js', 'a.pyc', 'x/Thumbs.db'];
    for (const path of [...out, 'n.md.conflict1', 'in.md']) await laptop.write(path, path);
    await laptop.sync();
    expect([...(await bucket.objects()).keys()]).toEqual(['in.md']);
  });

  it('removes folders that a delete from the cloud has emptied, and no others', async () => {
    const laptop = await device('laptop');
    await laptop.write('a/b/one.md', '1');
    await laptop.write('keep.md', '2');
    await mkdir(join(laptop.root, 'empty'));
    await laptop.sync();
    await bucket.remove('a/b/one.md');
    await laptop.sync();
    expect(existsSync(join(laptop.root, 'a'))).toBe(false);
    expect(existsSync(join(laptop.root, 'empty'))).toBe(true);
  });

  it('turns a file into a folder and back', async () => {
    const [laptop, desktop] = [await device('laptop'), await device('desktop')];
    await laptop.write('thing', 'a file');
    await laptop.write('other', 'other');
    await laptop.sync();
    await desktop.sync();
    await laptop.remove('thing');
    await laptop.write('thing/inside.md', 'now a folder');
    await laptop.sync();
    expect((await desktop.sync()).exitCode).toBe(0);
    expect(await desktop.files()).toEqual(await laptop.files());
    await rm(join(laptop.root, 'thing'), { recursive: true });
    await laptop.write('thing', 'a file again');
    await laptop.sync();
    expect((await desktop.sync()).exitCode).toBe(0);
    expect(await desktop.files()).toEqual(await laptop.files());
  });
});

describe('versions that appear while a run goes on', () => {
  it('a save between listing and download is kept, the newer one under the name', async () => {
    const laptop = await device('laptop');
    await laptop.write('p.md', 'agreed');
    await laptop.sync();
    await bucket.put('p.md', 'from the cloud', { 'x-amz-meta-mtime': '1000000000' });
    const result = await laptop.sync(
      {},
      { afterPlan: () => laptop.write('p.md', 'saved meanwhile') },
    );
    expect(result.conflicts).toMatchObject([{ path: 'p.md', kept: 'local', open: false }]);
    await expectEqualSides(laptop);
    expect(await laptop.read('p.md')).toBe('saved meanwhile');
    expect(await everyVersion(laptop)).toContain('from the cloud');
  });

  it("another device's upload between listing and upload is kept", async () => {
    const laptop = await device('laptop');
    await laptop.write('p.md', 'agreed');
    await laptop.sync();
    await laptop.write('p.md', 'edited here');
    const afterPlan = (): Promise<void> => bucket.put('p.md', 'edited there');
    const result = await laptop.sync({}, { afterPlan });
    expect(result.counts.conflicts).toBe(1);
    await expectEqualSides(laptop);
    const versions = await everyVersion(laptop);
    expect(versions).toContain('edited here');
    expect(versions).toContain('edited there');
  });

  it('a new file of the same name on both sides keeps both', async () => {
    const laptop = await device('laptop');
    await laptop.sync();
    await laptop.write('n.md', 'mine');
    await laptop.sync({}, { afterPlan: () => bucket.put('n.md', 'theirs') });
    await expectEqualSides(laptop);
    expect([...(await laptop.files()).values()].sort()).toEqual(['mine', 'theirs']);
  });

  it('a file that appears here where a new one is to be placed is not touched', async () => {
    const laptop = await device('laptop');
    await laptop.sync();
    await bucket.put('n.md', 'theirs');
    await laptop.sync({}, { afterPlan: () => laptop.write('n.md', 'mine') });
    expect([...(await laptop.files()).values()].sort()).toEqual(['mine', 'theirs']);
    await expectEqualSides(laptop);
  });

  it('an edit here wins against a delete there, even when it comes after the listing', async () => {
    const laptop = await device('laptop');
    for (const name of ['a', 'b', 'c', 'd', 'e']) await laptop.write(name, name);
    await laptop.sync();
    await bucket.remove('a');
    const result = await laptop.sync({}, { afterPlan: () => laptop.write('a', 'edited') });
    expect(result).toMatchObject({ movedOn: ['a'], exitCode: 3 });
    expect(await laptop.read('a')).toBe('edited');
    await laptop.sync();
    expect(await bucket.get('a')).toBe('edited');
  });

  it('an edit there wins against a delete here, even when it comes after the listing', async () => {
    const laptop = await device('laptop');
    for (const name of ['a', 'b', 'c', 'd', 'e']) await laptop.write(name, name);
    await laptop.sync();
    await laptop.remove('a');
    await laptop.sync({}, { afterPlan: () => bucket.put('a', 'edited') });
    expect(await bucket.get('a')).toBe('edited');
    await laptop.sync();
    expect(await laptop.read('a')).toBe('edited');
  });

  it('an edit here whose object vanished meanwhile is uploaded as new', async () => {
    const laptop = await device('laptop');
    await laptop.write('a', 'a');
    await laptop.sync();
    await laptop.write('a', 'edited');
    const result = await laptop.sync({}, { afterPlan: () => bucket.remove('a') });
    expect(result.exitCode).toBe(0);
    expect(await bucket.get('a')).toBe('edited');
  });

  it('a file that grows without end is reported, and the others are synced', async () => {
    const laptop = await device('laptop');
    await laptop.sync();
    await laptop.write('quiet.md', 'quiet');
    await laptop.write('log.txt', 'line\n');
    await laptop.write('log.txt', 'line\n'.repeat(1_000_000));
    // In each turn of this process's event loop, so at least once during each look at the file.
    let writing = true;
    const append = (): void => {
      appendFileSync(join(laptop.root, 'log.txt'), 'x');
      if (writing) setImmediate(append);
    };
    append();
    const result = await laptop.sync().finally(() => (writing = false));
    expect(result.problems).toMatchObject([{ path: 'log.txt', reason: 'changing' }]);
    expect(result.exitCode).toBe(3);
    expect(await bucket.get('quiet.md')).toBe('quiet');
    expect((await laptop.sync()).exitCode).toBe(0);
    await expectEqualSides(laptop);
  });

  it('a program that goes on writing into a replaced file loses nothing', async () => {
    const laptop = await device('laptop');
    await laptop.write('doc.md', 'agreed');
    await laptop.sync();
    await bucket.put('doc.md', 'from the cloud');
    const { open } = await import('node:fs/promises');
    const editor = await open(join(laptop.root, 'doc.md'), 'r+');
    await laptop.sync();
    await editor.write('written late');
    await editor.close();
    const next = await laptop.sync();
    expect(next.conflicts).toHaveLength(1);
    expect(await laptop.read(next.conflicts[0]!.copy)).toBe('written late');
    await expectEqualSides(laptop);
  });
});

describe('names that must not touch the disk', () => {
  it('reports keys that lead outside or are ambiguous, and syncs the rest', async () => {
    const laptop = await device('laptop');
    await bucket.put('fine.md', 'fine');
    const client = new S3Client({
      endpoint: bucket.store.url,
      region: 'auto',
      forcePathStyle: true,
      credentials: bucket.access,
    });
    const keys = ['a//b.md', '/absolute.md', 'x/../../outside.md', '../outside.md', './dot.md'];
    for (const Key of keys) {
      await client.send(new PutObjectCommand({ Bucket: bucket.access.bucket, Key, Body: 'evil' }));
    }
    const result = await laptop.sync();
    expect(result.problems.every(({ reason }) => reason === 'unsafe-path')).toBe(true);
    expect([...(await laptop.files()).keys()]).toEqual(['fine.md']);
    expect(existsSync(join(laptop.root, '..', 'outside.md'))).toBe(false);
  });

  it('reports names that rclone mixes up, on either side, and syncs the rest', async () => {
    const laptop = await device('laptop');
    const odd = ['look␀␊alike‛.md', 'full／width／．/x.md', '．．'];
    for (const path of [...odd, 'fine.md', 'lookxalike.md']) await laptop.write(path, path);
    await bucket.put('remote␊.md', 'odd');
    const result = await laptop.sync();
    expect(result.problems.map(({ path }) => path).sort()).toEqual(
      ['full／width／．', 'look␀␊alike‛.md', 'remote␊.md', '．．'].sort(),
    );
    expect(result).toMatchObject({ exitCode: 3, counts: { uploaded: 2, downloaded: 0 } });
    expect((await laptop.sync()).counts).toMatchObject({ uploaded: 0, unchanged: 2 });
  });

  it('writes nothing through a symlink that replaced a folder', async () => {
    const laptop = await device('laptop');
    await laptop.write('dir/a.md', 'a');
    await laptop.sync();
    const outside = join(laptop.root, '..', 'outside');
    await mkdir(outside);
    await bucket.put('dir/new.md', 'new');
    const result = await laptop.sync(
      {},
      {
        afterPlan: async () => {
          await rename(join(laptop.root, 'dir'), join(laptop.root, '..', 'moved'));
          await symlink(outside, join(laptop.root, 'dir'));
        },
      },
    );
    expect(result.problems).toMatchObject([{ path: 'dir/new.md', reason: 'unsafe-path' }]);
    expect(await readdir(outside)).toEqual([]);
  });
});
