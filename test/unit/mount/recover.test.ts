import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { scanPending } from '../../../src/mount/pending.ts';
import {
  besides,
  recoverCache,
  unsoundFiles,
  type BucketObjects,
} from '../../../src/mount/recover.ts';
import { REMOTE } from '../../../src/mount/vfs.ts';
import { dataBlocks, parseExtents } from '../../../src/mount/written-parts.ts';
import { openWorkspace } from '../../support/workspace.ts';

const bucket = 'bucket';
const clock = { now: () => Date.UTC(2026, 10, 22, 10, 30), sleep: () => Promise.resolve() };

/** A cache as rclone leaves it: the files, and beside each the note about it. */
async function makeCache(files: Record<string, { data: string; note: string | undefined }>) {
  const { root } = await openWorkspace();
  const cache = join(root, 'cache');
  const at = (folder: string, name: string): string => join(cache, folder, REMOTE, bucket, name);
  for (const [name, { data, note }] of Object.entries(files)) {
    for (const [folder, text] of [
      ['vfs', data],
      ['vfsMeta', note],
    ] as const) {
      if (text === undefined) continue;
      await mkdir(dirname(at(folder, name)), { recursive: true });
      await writeFile(at(folder, name), text);
    }
  }
  return {
    cache,
    at,
    data: async () => (await readdir(at('vfs', ''), { recursive: true })).sort(),
    note: async (name: string) =>
      JSON.parse(await readFile(at('vfsMeta', name), 'utf8')) as Record<string, unknown>,
  };
}

const md5 = (text: string | Buffer): string => createHash('md5').update(text).digest('hex');
/** A bucket that holds these texts. */
const holding = (objects: Record<string, string | Buffer> = {}): BucketObjects => ({
  md5: (name) => {
    const text = objects[name];
    return Promise.resolve(text === undefined ? undefined : { md5: md5(text) });
  },
  read: (name) => {
    const text = objects[name];
    return Promise.resolve(text === undefined ? undefined : Readable.from([Buffer.from(text)]));
  },
});
const note = (size: number, dirty: boolean, ranges: object[] | null = [{ Pos: 0, Size: size }]) =>
  JSON.stringify({
    ModTime: 't',
    ATime: 't',
    Size: size,
    Rs: ranges,
    Fingerprint: 'f',
    Dirty: dirty,
  });

test('a file whose note was lost is uploaded under its own name where the bucket has none', async () => {
  const { cache, note: noteOf } = await makeCache({
    'd/empty-note.md': { data: 'saved', note: '' },
    'half-note.md': { data: 'saved too', note: '{"ModTime": "2026-' },
    'no-note.md': { data: 'and this', note: undefined },
    'sound.md': { data: 'read', note: note(4, false) },
  });
  const recovered = await recoverCache(holding(), { cache, bucket, clock });
  expect(recovered.map(({ name, uploadedAs }) => [name, uploadedAs]).sort()).toEqual(
    ['d/empty-note.md', 'half-note.md', 'no-note.md'].map((name) => [name, name]),
  );
  expect(await noteOf('d/empty-note.md')).toMatchObject({
    ...{ Size: 5, Rs: [{ Pos: 0, Size: 5 }], Fingerprint: '', Dirty: true },
  });
  expect(scanPending(cache, bucket, 1000)).toMatchObject({
    files: [{ name: 'd/empty-note.md' }, { name: 'half-note.md' }, { name: 'no-note.md' }],
    bytes: 5 + 9 + 8,
  });
  expect(await unsoundFiles(cache, bucket)).toEqual([]);
});

test('where the bucket has another version, both are kept; where it has this one, one is', async () => {
  const {
    cache,
    data,
    note: noteOf,
  } = await makeCache({
    'a.md': { data: 'mine', note: '' },
    'same.md': { data: 'same', note: '' },
    'emptied.md': { data: '', note: '' },
  });
  const objects = { 'a.md': 'theirs', 'same.md': 'same', 'emptied.md': 'full' };
  const recovered = await recoverCache(holding(objects), { cache, bucket, clock });
  const beside = 'a (recovered 2026-11-22 10.30.00).md';
  expect(recovered).toContainEqual({ name: 'a.md', uploadedAs: beside });
  expect(recovered).toContainEqual({ name: 'same.md', uploadedAs: undefined });
  expect(besides(recovered)).toContain(beside);
  expect(besides(recovered)).not.toContain('same.md');
  expect(await data()).toEqual([beside]);
  expect(await noteOf(beside)).toMatchObject({ Size: 4, Dirty: true });
});

test('a file of which only parts were here is never uploaded as the whole', async () => {
  const { cache, at } = await makeCache({ 'big.bin': { data: 'part', note: '' } });
  await truncate(at('vfs', 'big.bin'), 1024 * 1024);
  const [recovered] = await recoverCache(holding(), { cache, bucket, clock });
  expect(recovered?.uploadedAs).toBe('big (recovered 2026-11-22 10.30.00).bin');
});

test.each([
  ['a new file', 0, null, 10, [{ Pos: 0, Size: 10 }]],
  ['an append', 4, [{ Pos: 0, Size: 4 }], 10, [{ Pos: 0, Size: 10 }]],
])(
  '%s that the note is behind of counts as written here',
  async (_what, noted, ranges, size, now) => {
    const { cache, note: noteOf } = await makeCache({
      'a.md': { data: 'x'.repeat(size), note: note(noted, true, ranges) },
    });
    expect(await recoverCache(holding({ 'a.md': 'old' }), { cache, bucket, clock })).toEqual([]);
    expect(await noteOf('a.md')).toMatchObject({
      ...{ Size: size, Rs: now, Dirty: true, Fingerprint: 'f' },
    });
  },
);

test('a bucket that cannot be asked leaves the cache as it is', async () => {
  const { cache, data } = await makeCache({ 'a.md': { data: 'mine', note: '' } });
  const refuse = () => Promise.reject(new Error('no route'));
  const unreachable = { md5: refuse, read: refuse };
  await expect(recoverCache(unreachable, { cache, bucket, clock })).rejects.toThrow('no route');
  expect(await data()).toEqual(['a.md']);
  expect(await unsoundFiles(cache, bucket)).toEqual([{ name: 'a.md', state: 'lost' }]);
  expect(await recoverCache(unreachable, { cache: join(cache, 'none'), bucket, clock })).toEqual(
    [],
  );
});

/** A file of which nothing was fetched, with these bytes written into it, and the first of them noted. */
async function makePatched(object: Buffer, patches: { at: number; bytes: Buffer }[], more = {}) {
  const made = await makeCache({});
  const path = made.at('vfs', 'a.bin');
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'w');
  await file.truncate(object.length);
  for (const { at, bytes } of patches) await file.write(bytes, 0, bytes.length, at);
  await file.close();
  await mkdir(dirname(made.at('vfsMeta', 'a.bin')), { recursive: true });
  const [first] = patches;
  const Rs = first === undefined ? [] : [{ Pos: first.at, Size: first.bytes.length }];
  const written = {
    Size: object.length,
    Rs,
    Dirty: true,
    Fingerprint: `1,t,${md5(object)}`,
    ...more,
  };
  await writeFile(made.at('vfsMeta', 'a.bin'), JSON.stringify(written));
  return made;
}

const patched = (object: Buffer, patches: { at: number; bytes: Buffer }[]): Buffer => {
  const copy = Buffer.from(object);
  for (const { at, bytes } of patches) bytes.copy(copy, at);
  return copy;
};
const beside = 'a (recovered 2026-11-22 10.30.00).bin';
const SIZE = 300_000;

test('whatever was written into a file and not noted is in one of the files that are uploaded', async () => {
  const patch = fc.record({
    at: fc.integer({ min: 0, max: SIZE - 9000 }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 9000 }).map((bytes) => Buffer.from(bytes)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(patch, { minLength: 1, maxLength: 8 }), async (patches) => {
      const object = Buffer.from(randomBytes(SIZE).map((byte) => byte || 1));
      const { cache, at } = await makePatched(object, patches);
      const [found] = await recoverCache(holding({ 'a.bin': object }), { cache, bucket, clock });
      const expected = patched(object, patches);
      const whole = await readFile(at('vfs', 'a.bin'));
      if (found === undefined) {
        // Only the noted part had been written; rclone fetches the rest.
        expect(whole.subarray(patches[0]!.at).subarray(0, patches[0]!.bytes.length)).toEqual(
          patches[0]!.bytes,
        );
        return;
      }
      const other = found.alsoAs === undefined ? whole : await readFile(at('vfs', found.alsoAs));
      // A zero that was written may be taken for none in one of them, and is in the other.
      for (let index = 0; index < SIZE; index += 1) {
        const byte = expected[index];
        if (byte === whole[index] || (byte === 0 && other[index] === 0)) continue;
        throw new Error(`byte ${index} is ${whole[index]} and should be ${byte}`);
      }
      expect(scanPending(cache, bucket, 1000).files.map(({ name }) => name)).toContain('a.bin');
      expect(await recoverCache(holding({ 'a.bin': object }), { cache, bucket, clock })).toEqual(
        [],
      );
    }),
    { numRuns: 25 },
  );
});

test('a database, which writes whole pages, keeps the zeros that it wrote under its own name', async () => {
  const object = Buffer.concat([
    Buffer.from('SQLite format 3\0\x10\0', 'latin1'),
    Buffer.alloc(SIZE, 7),
  ]);
  const page = Buffer.alloc(4096);
  page.write('a page that is nearly empty', 3000);
  const patches = [8192, 40960].map((at) => ({ at, bytes: page }));
  const { cache, at } = await makePatched(object, patches);
  const [found] = await recoverCache(holding({ 'a.bin': object }), { cache, bucket, clock });
  expect(found).toEqual({ name: 'a.bin', uploadedAs: 'a.bin', alsoAs: beside });
  expect(await readFile(at('vfs', 'a.bin'))).toEqual(patched(object, patches));
});

test('over an object that somebody else replaced meanwhile it is kept beside', async () => {
  const object = Buffer.alloc(SIZE, 'a');
  const patches = [10, 50_000].map((at) => ({ at, bytes: Buffer.alloc(4096, 'b') }));
  const { cache, data } = await makePatched(object, patches, { Fingerprint: `1,t,${md5('old')}` });
  const [found] = await recoverCache(holding({ 'a.bin': object }), { cache, bucket, clock });
  expect(found?.uploadedAs).toBe(beside);
  expect(await data()).not.toContain('a.bin');
});

test('without a list from the file system every block with content counts as written', async () => {
  const { at } = await makePatched(Buffer.alloc(SIZE), [{ at: 100_000, bytes: Buffer.from('x') }]);
  const path = process.env['PATH'];
  onTestFinished(() => void (process.env['PATH'] = path));
  process.env['PATH'] = '/nowhere';
  expect(await dataBlocks(at('vfs', 'a.bin'))).toEqual([{ Pos: 24 * 4096, Size: 4096 }]);
});

test("the file system's own list is understood, and what was only reserved is left out", () => {
  const text = `Filesystem type is: ef53
File size of /a b (3 blocks) is 1048576 (256 blocks of 4096 bytes)
 ext:     logical_offset:        physical_offset: length:   expected: flags:
   0:        0..       1:    6263552..   6263553:      2:
   1:        4..       7:    6263556..   6263559:      4:             unwritten
   2:        9..       9:          0..         0:      1:             last,unknown_loc,delalloc,eof
`;
  expect(parseExtents(text)).toEqual([
    { Pos: 0, Size: 8192 },
    { Pos: 36864, Size: 4096 },
  ]);
  expect(parseExtents('FIBMAP: Operation not supported')).toBeUndefined();
});
