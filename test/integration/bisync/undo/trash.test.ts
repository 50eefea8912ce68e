import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Journal } from '../../../../src/bisync/journal.ts';
import { pairFolder, readPairs } from '../../../../src/bisync/pair.ts';
import { emptyTrash, listTrash } from '../../../../src/bisync/undo/trash.ts';
import { laptopAndBucket } from '../../../support/test-devices.ts';

it('the trash is listed and emptied; what a cut-off sync has still to put back stays', async () => {
  const { bucket, laptop } = await laptopAndBucket();
  for (const name of ['a.md', 'deep/b.md', 'deep/a.md.1']) await laptop.write(name, `old ${name}`);
  await laptop.sync();
  for (const name of ['a.md', 'deep/b.md', 'deep/a.md.1']) await bucket.put(name, 'new');
  await laptop.sync();
  // On another file system the trash is beside the file.
  const run = (
    await readdir(join(laptop.host.places.data, 'trash', (await readPairs(laptop.host))[0]!.id))
  )[0]!;
  await mkdir(join(laptop.root, 'deep/.cloud-trash', run), { recursive: true });
  await writeFile(join(laptop.root, 'deep/.cloud-trash', run, 'c.md'), 'beside');
  const request = { session: {}, path: laptop.root, signal: new AbortController().signal };
  const { files, total, bounds } = await listTrash(request, laptop.host);
  expect(files.map(({ path }) => path)).toEqual(['a.md', 'deep/a.md.1', 'deep/b.md', 'deep/c.md']);
  expect(total).toMatchObject({ files: 4, bytes: 8 + 15 + 13 + 6, oldest: files[0]!.at });
  expect(bounds.maxAgeMs).toBe(30 * 86_400_000);
  const below = await listTrash({ ...request, file: 'deep/' }, laptop.host);
  expect(below.files).toHaveLength(3);

  expect(await emptyTrash({ ...request, olderThanMs: 3_600_000 }, laptop.host)).toMatchObject({
    ...{ removed: 0, kept: 0, exitCode: 0 },
  });
  const [pair] = await readPairs(laptop.host);
  const journal = new Journal(pairFolder(laptop.host, pair!.id));
  await journal.write({ type: 'aside', path: 'a.md', aside: files[0]!.file, md5: 'x' });
  await journal.close();
  expect(await emptyTrash({ ...request, olderThanMs: 0 }, laptop.host)).toMatchObject({
    ...{ removed: 3, kept: 1, exitCode: 3 },
  });
  expect((await listTrash(request, laptop.host)).files.map(({ path }) => path)).toEqual(['a.md']);
  expect(await readdir(join(laptop.root, 'deep'))).not.toContain('.cloud-trash');
  expect(await laptop.read('deep/b.md')).toBe('new');
});
