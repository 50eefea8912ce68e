import { readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readActivity } from '../../../src/bisync/activity.ts';
import { listConflicts } from '../../../src/bisync/conflict-list.ts';
import { diffConflict } from '../../../src/bisync/conflict-diff.ts';
import { readMemory } from '../../../src/bisync/pair-memory.ts';
import { pairFolder, readPairs, readStatus } from '../../../src/bisync/pair.ts';
import { resolveConflicts, type Keep } from '../../../src/bisync/resolve-conflicts.ts';
import { createS3Client } from '../../../src/s3/client.ts';
import type { Device, TestBucket } from '../../support/devices.ts';
import { testBucket, testDevice } from '../../support/test-devices.ts';
import { watchFiles } from '../../support/file-barrier.ts';

/** What was cut off and never goes on, so that its open files are not closed by garbage collection. */
const halted: (() => void)[] = [];

let bucket: TestBucket;
beforeEach(async () => {
  bucket = await testBucket();
});

async function device(name: string): Promise<Device> {
  const opened = await testDevice(bucket, name);
  return opened;
}

/** A device with an open conflict of `n.md`; the cloud's version has the name. */
async function inConflict(): Promise<Device> {
  const laptop = await device('laptop');
  await laptop.write('n.md', 'agreed\n');
  await laptop.write('other.md', 'x');
  await laptop.sync();
  await laptop.write('n.md', 'agreed\nmine\n');
  await utimes(join(laptop.root, 'n.md'), 2_000_000_000, 2_000_000_000);
  await bucket.put('n.md', 'agreed\ntheirs\n', { 'x-amz-meta-mtime': '1000000000' });
  const result = await laptop.sync({ profile: 'safe' });
  expect(result).toMatchObject({ exitCode: 3, state: 'conflicts', openConflicts: 1 });
  return laptop;
}

async function conflictsOn(one: Device): ReturnType<typeof listConflicts> {
  const [pair] = await readPairs(one.host);
  const { openConflicts } = await readMemory(pairFolder(one.host, pair!.id));
  return listConflicts(one.root, openConflicts, false);
}

const resolve = (one: Device, keep: Keep, paths: readonly string[] | 'all' = ['n.md']) =>
  resolveConflicts({ access: bucket.access, localRoot: one.root, paths, keep }, one.host);

describe('a conflict', () => {
  it('is listed with both versions, here and on the machine that only got the copy', async () => {
    const laptop = await inConflict();
    const [mine] = await conflictsOn(laptop);
    expect(mine).toMatchObject({
      ...{ path: 'n.md', open: true, newer: 'local' },
      sides: { cloud: { path: 'n.md', size: 14 }, local: { path: mine!.copy, size: 12 } },
    });
    const diff = await diffConflict(laptop.root, mine!);
    expect(diff).toMatchObject({ kind: 'text' });
    expect(diff.patch).toContain('-theirs\n+mine\n');
    const desktop = await device('desktop');
    await desktop.sync();
    const [theirs] = await conflictsOn(desktop);
    expect(theirs).toMatchObject({ path: 'n.md', open: false, sides: { cloud: { path: 'n.md' } } });
  });

  it.each([
    ['local', 'agreed\nmine\n', 'agreed\ntheirs\n'],
    ['cloud', 'agreed\ntheirs\n', 'agreed\nmine\n'],
    ['newer', 'agreed\nmine\n', 'agreed\ntheirs\n'],
  ] as const)(
    'resolved with %s has that version on both sides, the other in the trash',
    async (keep, kept, gone) => {
      const laptop = await inConflict();
      const result = await resolve(laptop, keep);
      expect(result).toMatchObject({ exitCode: 0, openConflicts: 0, problems: [] });
      expect(result.resolved).toMatchObject([{ path: 'n.md', synced: true }]);
      expect(await laptop.files()).toEqual(
        new Map([
          ['n.md', kept],
          ['other.md', 'x'],
        ]),
      );
      expect(await bucket.objects()).toEqual(await laptop.files());
      expect(await laptop.trash()).toContain(gone);
      const [pair] = await readPairs(laptop.host);
      expect((await readStatus(pairFolder(laptop.host, pair!.id)))?.state).toBe('idle');
      expect(await resolve(laptop, keep)).toMatchObject({ exitCode: 0, resolved: [] });
      expect((await laptop.sync()).counts).toMatchObject({
        uploaded: 0,
        deletedRemote: 0,
        unchanged: 2,
      });
    },
  );

  it('resolved with both gives the copy a plain name, over nothing', async () => {
    const laptop = await inConflict();
    const [{ copy } = { copy: '' }] = await conflictsOn(laptop);
    const plain = copy.replace('conflict ', '').replace(' 1)', ')');
    await laptop.write(plain, 'was there');
    const { resolved } = await resolve(laptop, 'both', [copy]);
    expect(resolved).toMatchObject([
      { kept: 'both', other: plain.replace(')', ' 2)'), synced: true },
    ]);
    expect(await conflictsOn(laptop)).toEqual([]);
    await laptop.sync();
    expect(await bucket.objects()).toEqual(await laptop.files());
    expect([...(await laptop.files()).values()].sort()).toEqual(
      ['agreed\nmine\n', 'agreed\ntheirs\n', 'was there', 'x'].sort(),
    );
  });

  it('resolved offline reaches the bucket with the next sync', async () => {
    const laptop = await inConflict();
    const offline = createS3Client({ ...bucket.access, endpoint: 'http://127.0.0.1:1' });
    const result = await resolveConflicts(
      { access: bucket.access, localRoot: laptop.root, paths: 'all', keep: 'local' },
      laptop.host,
      { s3: offline },
    );
    expect(result).toMatchObject({ exitCode: 3, resolved: [{ synced: false }], openConflicts: 0 });
    expect(await laptop.read('n.md')).toBe('agreed\nmine\n');
    expect(await laptop.sync()).toMatchObject({
      exitCode: 0,
      counts: { uploaded: 1, deletedRemote: 1 },
    });
    expect(await bucket.objects()).toEqual(await laptop.files());
  });

  it('whose file another device changed meanwhile loses nothing', async () => {
    const laptop = await inConflict();
    await bucket.put('n.md', 'a third version\n');
    expect(await resolve(laptop, 'local')).toMatchObject({
      exitCode: 3,
      resolved: [{ synced: false }],
    });
    await laptop.sync();
    const everything = [...(await bucket.objects()).values(), ...(await laptop.trash())];
    expect(everything).toEqual(
      expect.arrayContaining(['agreed\nmine\n', 'a third version\n', 'agreed\ntheirs\n']),
    );
  });

  it('that is not there, or is several, is said so', async () => {
    const laptop = await inConflict();
    await expect(resolve(laptop, 'local', ['nothing.md'])).rejects.toMatchObject({
      code: 'no-conflict',
    });
    const [{ copy } = { copy: '' }] = await conflictsOn(laptop);
    await laptop.write(copy.replace(' 1)', ' 2)'), 'another');
    await expect(resolve(laptop, 'local')).rejects.toMatchObject({ code: 'several-conflicts' });
    expect((await resolve(laptop, 'local', [copy])).resolved).toHaveLength(1);
  });

  it.each([
    ['the first copy', [3_000_000_000, 2_500_000_000, 1_000_000_000], 'agreed\nmine\n'],
    ['the last copy', [2_500_000_000, 3_000_000_000, 1_000_000_000], 'a third one\n'],
    ['the file', [2_000_000_000, 2_500_000_000, 3_000_000_000], 'agreed\ntheirs\n'],
  ] as const)('of several copies newer leaves the newest: %s', async (_what, times, newest) => {
    const laptop = await inConflict();
    const [{ copy: first } = { copy: '' }] = await conflictsOn(laptop);
    const last = first.replace(' 1)', ' 2)');
    await laptop.write(last, 'a third one\n');
    for (const [index, name] of [first, last, 'n.md'].entries()) {
      await utimes(join(laptop.root, name), times[index]!, times[index]!);
    }
    const result = await resolve(laptop, 'newer', 'all');
    expect(result).toMatchObject({ problems: [], openConflicts: 0 });
    expect(result.resolved).toHaveLength(2);
    expect(await laptop.read('n.md')).toBe(newest);
    expect([...(await laptop.trash()), newest].toSorted()).toEqual(
      expect.arrayContaining(['a third one\n', 'agreed\nmine\n', 'agreed\ntheirs\n']),
    );
    expect(await laptop.sync()).toMatchObject({ exitCode: 0 });
    expect(await bucket.objects()).toEqual(await laptop.files());
    expect((await laptop.files()).size).toBe(2);
  });

  it('of several copies is left by --all where one word would mean several versions', async () => {
    const laptop = await inConflict();
    const [{ copy } = { copy: '' }] = await conflictsOn(laptop);
    await laptop.write(copy.replace(' 1)', ' 2)'), 'another');
    await laptop.write(`other (conflict laptop 2026-11-22 1).md`, 'y');
    const before = await laptop.read('n.md');
    const result = await resolve(laptop, 'cloud', 'all');
    expect(result).toMatchObject({ exitCode: 3, openConflicts: 1 });
    expect(result.resolved.map(({ path }) => path)).toEqual(['other.md']);
    expect(result.problems).toMatchObject([{ path: 'n.md' }]);
    const copies = `${copy} or ${copy.replace(' 1)', ' 2)')}`;
    expect(result.problems[0]?.message).toContain(`name the one that is meant: ${copies}`);
    expect(await laptop.read('n.md')).toBe(before);
  });

  it('resolved is on record, with where the other version lies', async () => {
    const laptop = await inConflict();
    await resolve(laptop, 'local');
    const [pair] = await readPairs(laptop.host);
    const records = await readActivity(pairFolder(laptop.host, pair!.id));
    const resolved = records.find(({ type }) => type === 'resolved');
    expect(resolved).toMatchObject({ path: 'n.md', kept: 'local', other: null });
    const { aside } = resolved as { aside: string };
    expect(aside).toMatch(/\/n\.md$/);
    expect(await laptop.trash()).toContain('agreed\ntheirs\n');
  });

  it.each(['local', 'both'] as const)(
    'resolved with %s while a program saves the copy anew loses nothing of it',
    async (keep) => {
      const laptop = await inConflict();
      const [{ copy } = { copy: '' }] = await conflictsOn(laptop);
      const draft = join(laptop.host.places.state, 'draft');
      await writeFile(draft, 'saved in the last moment');
      let saved = false;
      await watchFiles(async ({ operation, when }) => {
        if (saved || operation !== 'link' || when !== 'after') return;
        saved = true;
        await rename(draft, join(laptop.root, copy));
      });
      await resolve(laptop, keep);
      await watchFiles(undefined);
      expect(saved).toBe(true);
      await laptop.sync();
      expect([...(await bucket.objects()).values()]).toContain('saved in the last moment');
    },
  );

  it('resolved with a key that is refused asks for another one, once', async () => {
    const laptop = await inConflict();
    let asked = 0;
    const refused = { ...bucket.access, accessKeyId: 'tid_revoked' };
    const renewTo = (access: typeof refused) => (): Promise<typeof refused> => {
      asked += 1;
      return Promise.resolve(access);
    };
    const request = {
      localRoot: laptop.root,
      paths: 'all',
      keep: 'local',
      access: refused,
    } as const;
    const renewAccess = renewTo(bucket.access);
    expect(await resolveConflicts({ ...request, renewAccess }, laptop.host)).toMatchObject({
      ...{ exitCode: 0, resolved: [{ synced: true }] },
    });
    expect(asked).toBe(1);
    expect(await bucket.objects()).toEqual(await laptop.files());
  });

  it.each(['local', 'both'] as const)(
    'resolved with %s and cut off before each step loses nothing and is resolved after all',
    async (keep) => {
      const laptop = await device('laptop');
      const names = Array.from({ length: 30 }, (_, index) => `n${index}.md`);
      for (const name of names) {
        await laptop.write(name, `mine ${name}`);
        await bucket.put(name, `theirs ${name}`);
      }
      await laptop.sync({ profile: 'safe' });
      const [pair] = await readPairs(laptop.host);
      const folder = pairFolder(laptop.host, pair!.id);
      let cuts = 0;
      for (const name of names) {
        // It stops there for ever, as after a kill: nothing of it is done or undone any more.
        let left = cuts;
        const cut = Promise.withResolvers<'cut'>();
        await watchFiles(({ when }) => {
          if (when !== 'before') return undefined;
          if (left === 0) cut.resolve('cut');
          left -= 1;
          return left < 0 ? new Promise<void>((go) => halted.push(go)) : undefined;
        });
        const end = await Promise.race([cut.promise, resolve(laptop, keep, [name])]);
        await watchFiles(undefined);
        const found = [...(await laptop.files()).values(), ...(await laptop.trash())];
        expect(found, `${cuts}`).toEqual(
          expect.arrayContaining([`mine ${name}`, `theirs ${name}`]),
        );
        if (end !== 'cut') break;
        cuts += 1;
        for (const lock of await readdir(folder)) {
          if (lock.startsWith('lock')) await rm(join(folder, lock));
        }
      }
      expect(cuts).toBeGreaterThan(8);
      expect(cuts).toBeLessThan(names.length);
      await laptop.sync();
      await resolve(laptop, keep, 'all');
      const live = [...(await laptop.files()).values()];
      const kept = keep === 'both' ? ['mine', 'theirs'] : ['mine'];
      for (const name of names) {
        for (const version of kept) expect(live).toContain(`${version} ${name}`);
      }
      expect(await conflictsOn(laptop)).toEqual([]);
      await laptop.sync();
      expect(await bucket.objects()).toEqual(await laptop.files());
    },
    30_000,
  );
});
