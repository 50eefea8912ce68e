import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { scanPending } from '../../../src/mount/pending.ts';
import { recoverCache, unsoundFiles } from '../../../src/mount/recover.ts';
import { REMOTE } from '../../../src/mount/vfs.ts';
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

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
/** A bucket that holds these texts. */
const holding = (objects: Record<string, string> = {}) => ({
  md5: (name: string) => {
    const text = objects[name];
    return Promise.resolve(text === undefined ? undefined : { md5: md5(text) });
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
  [
    'an append to what is not all here',
    4,
    [{ Pos: 0, Size: 2 }],
    10,
    [
      { Pos: 0, Size: 2 },
      { Pos: 4, Size: 6 },
    ],
  ],
  [
    'a file cut short',
    10,
    [
      { Pos: 0, Size: 4 },
      { Pos: 6, Size: 4 },
    ],
    7,
    [
      { Pos: 0, Size: 4 },
      { Pos: 6, Size: 1 },
    ],
  ],
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
  const unreachable = { md5: () => Promise.reject(new Error('no route')) };
  await expect(recoverCache(unreachable, { cache, bucket, clock })).rejects.toThrow('no route');
  expect(await data()).toEqual(['a.md']);
  expect(await unsoundFiles(cache, bucket)).toEqual([{ name: 'a.md', state: 'lost' }]);
  expect(await recoverCache(unreachable, { cache: join(cache, 'none'), bucket, clock })).toEqual(
    [],
  );
});
