import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { ChokidarWatch } from '../../../src/bisync/watch/chokidar-watch.ts';
import { FolderWatches } from '../../../src/bisync/watch/folder-watches.ts';
import type { LocalChangesOptions } from '../../../src/bisync/watch/local-changes.ts';

type Watches = typeof FolderWatches | typeof ChokidarWatch;

/** Both hold on Linux; the first is what Linux gets. */
const kinds = [
  ...(process.platform === 'linux' ? ([['FolderWatches', FolderWatches]] as const) : []),
  ['ChokidarWatch', ChokidarWatch] as const,
];

async function open<W extends Watches>(
  Kind: W,
  before: (root: string) => Promise<void> = () => Promise.resolve(),
) {
  const root = await mkdtemp(join(tmpdir(), 'cloud-folders-'));
  await before(root);
  const hints = new Set<string>();
  const gone: string[] = [];
  const lost: true[] = [];
  const options: LocalChangesOptions = {
    root,
    ignores: (path) => path.split('/').includes('node_modules'),
    onHint: (path) => hints.add(path),
    onGone: (path) => gone.push(path),
    onLost: () => lost.push(true),
    onFailure: (error) => {
      throw error;
    },
  };
  const watches = new Kind(options) as InstanceType<W>;
  onTestFinished(async () => {
    watches.close();
    await rm(root, { recursive: true, force: true });
  });
  await watches.start();
  const write = async (path: string): Promise<void> => {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), 'x');
  };
  return { root, hints, gone, lost, watches, write };
}

const told = (hints: Set<string>, ...paths: string[]): Promise<void> =>
  vi.waitFor(() => expect(paths.filter((path) => !hints.has(path))).toEqual([]), 30_000);

it.each(kinds)('%s: 2,000 files in 20 new folders lose none', async (_name, Kind) => {
  const { hints, write } = await open(Kind);
  const paths = Array.from({ length: 2000 }, (_, each) => `new/${each % 20}/inner/${each}.md`);
  await Promise.all(paths.map(write));
  await told(hints, ...paths);
});

it.each(kinds)(
  '%s: a folder that was moved is told of, and watched under its new name',
  async (_name, Kind) => {
    const { root, hints, gone, watches, write } = await open(Kind, async (root) => {
      await mkdir(join(root, 'a/inner'), { recursive: true });
      await writeFile(join(root, 'a/inner/1.md'), 'x');
    });
    if (watches instanceof FolderWatches) expect(watches.size).toBe(3);
    await rename(join(root, 'a'), join(root, 'b'));
    await told(hints, 'b/inner/1.md');
    await vi.waitFor(() => expect(gone).toContain('a'), 30_000);
    await write('b/inner/2.md');
    await told(hints, 'b/inner/2.md');
    if (watches instanceof FolderWatches) expect(watches.size).toBe(3);
  },
);

it.each(kinds)(
  '%s: a folder that is made anew under the same name, with the same inode perhaps, is watched',
  async (_name, Kind) => {
    const { root, hints, write } = await open(Kind, (root) =>
      mkdir(join(root, 'a')).then(() => undefined),
    );
    for (let round = 0; round < 20; round += 1) {
      await rm(join(root, 'a'), { recursive: true });
      await write(`a/first-${round}.md`);
      await told(hints, `a/first-${round}.md`);
      await write(`a/second-${round}.md`);
      await told(hints, `a/second-${round}.md`);
    }
  },
);

it.each(kinds)('%s: what is ignored is not watched', async (_name, Kind) => {
  const { hints, watches, write } = await open(Kind);
  await write('node_modules/lib/index.js');
  await write('src/index.js');
  await told(hints, 'src/index.js');
  expect([...hints].filter((path) => path.startsWith('node_modules/'))).toEqual([]);
  if (watches instanceof FolderWatches) expect(watches.size).toBe(2);
});

it.runIf(process.platform === 'linux')(
  'a rescan finds what a lost event did not tell',
  async () => {
    const { root, hints, watches } = await open(FolderWatches, async (root) => {
      await mkdir(join(root, 'a'));
    });
    await mkdir(join(root, 'a/b'), { recursive: true });
    await writeFile(join(root, 'a/b/1.md'), 'x');
    await watches.rescan();
    await told(hints, 'a/b/1.md');
  },
);

it.runIf(process.platform === 'linux')(
  'another folder in the place of the root is noticed, and watched after a rescan',
  async () => {
    const { root, hints, lost, watches, write } = await open(FolderWatches);
    onTestFinished(() => rm(`${root}.old`, { recursive: true, force: true }));
    await mkdir(join(root, 'inside'));
    await rename(root, `${root}.old`);
    await mkdir(root);
    await vi.waitFor(() => expect(lost).not.toEqual([]), 30_000);
    await watches.rescan();
    await write('new.md');
    await told(hints, 'new.md');
  },
);
