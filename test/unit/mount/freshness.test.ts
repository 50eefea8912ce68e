import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import type { StreamItem } from '../../../src/api/event-stream.ts';
import { BucketDigests } from '../../../src/mount/bucket-digests.ts';
import { ChangedFolders } from '../../../src/mount/changed-folders.ts';
import { Freshness, type FreshnessMode } from '../../../src/mount/freshness.ts';
import { systemClock, type Clock } from '../../../src/platform/clock.ts';
import type { ListedObject } from '../../../src/s3/list.ts';

const unknown = (): Promise<boolean> => Promise.resolve(false);

/** What a folder of a bucket with these keys lists. */
function listing(keys: ReadonlySet<string>, folder: string): string {
  const prefix = folder === '' ? '' : `${folder}/`;
  const names = [...keys]
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length).replace(/\/.*/, '/'));
  return [...new Set(names)].sort().join();
}

test('every remembered listing that a change makes wrong is forgotten', async () => {
  const key = fc.constantFrom('x', 'a/x', 'a/y', 'a/b/x', 'a/b/c/x', 'd/e/x');
  const step = fc.record({ op: fc.constantFrom('put', 'delete', 'look', 'flush'), key });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const bucket = new Set<string>(['a/b/x']);
      const remembered = new Map<string, string>();
      const changed = new ChangedFolders();
      const folderOf = (name: string): string => name.split('/').slice(0, -1).join('/');
      for (const { op, key: name } of [...steps, { op: 'flush', key: 'x' }]) {
        if (op === 'put') bucket.add(name);
        if (op === 'delete') bucket.delete(name);
        if (op === 'put' || op === 'delete') changed.add({ key: name, gone: op === 'delete' });
        if (op === 'look') {
          // A look goes down from the root, and lists what is not remembered.
          for (let at = folderOf(name); ; at = folderOf(at)) {
            if (!remembered.has(at)) remembered.set(at, listing(bucket, at));
            if (at === '') break;
          }
        }
        if (op !== 'flush') continue;
        const folders = await changed.take(unknown);
        if (folders === 'all') remembered.clear();
        else for (const folder of folders) remembered.delete(folder);
        for (const [folder, shown] of remembered) expect(shown).toBe(listing(bucket, folder));
      }
    }),
  );
});

test('a change in a folder that is known forgets that folder only; one of our own, nothing', async () => {
  const changed = new ChangedFolders();
  changed.add({ key: 'a/b/one', gone: false, etag: 'e1' });
  expect(await changed.take(unknown)).toEqual(['a/b', 'a', '']);
  changed.add({ key: 'a/b/two', gone: false, etag: 'e2' });
  changed.add({ key: 'a/b/three', gone: false });
  expect(await changed.take(unknown)).toEqual(['a/b']);
  changed.add({ key: 'new/mine', gone: false, etag: 'mine' });
  expect(await changed.take((_, etag) => Promise.resolve(etag === 'mine'))).toEqual([]);
  changed.add({ key: 'new/theirs', gone: false, etag: 'theirs' });
  expect(await changed.take(unknown)).toEqual(['new']);
  for (let index = 0; index < 2000; index += 1) changed.add({ key: `d${index}/x`, gone: false });
  expect(await changed.take(unknown)).toBe('all');
  expect(changed.isEmpty).toBe(true);
});

/** The folders of a bucket whose listings differ. */
function differing(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): string[] {
  const foldersOf = (bucket: ReadonlyMap<string, string>): Map<string, string> => {
    const folders = new Map([['', '']]);
    for (const key of bucket.keys()) {
      for (let at = key; at.includes('/');) {
        at = at.slice(0, at.lastIndexOf('/'));
        folders.set(at, '');
      }
    }
    for (const folder of folders.keys()) {
      const prefix = folder === '' ? '' : `${folder}/`;
      const shown = [...bucket].flatMap(([key, etag]) => {
        if (!key.startsWith(prefix)) return [];
        const name = key.slice(prefix.length);
        return name.includes('/') ? name.replace(/\/.*/, '/') : `${name}=${etag}`;
      });
      folders.set(folder, [...new Set(shown)].sort().join());
    }
    return folders;
  };
  const [old, present] = [foldersOf(before), foldersOf(now)];
  return [...new Set([...old.keys(), ...present.keys()])]
    .filter((folder) => old.get(folder) !== present.get(folder))
    .sort();
}

async function* listed(bucket: ReadonlyMap<string, string>): AsyncGenerator<ListedObject> {
  await Promise.resolve();
  for (const key of [...bucket.keys()].sort()) {
    yield { key, size: 1, etag: bucket.get(key) ?? '' };
  }
}

test('a look at the whole bucket finds every folder that lists something else, and no other', async () => {
  const key = fc.constantFrom('x', 'a/x', 'a/y', 'a-b/x', 'a/b/x', 'a/b/c/x', 'd/e/x', 'd/e/f/g/x');
  const bucket = fc
    .array(fc.tuple(key, fc.constantFrom('1', '2')), { maxLength: 8 })
    .map((entries) => new Map(entries));
  await fc.assert(
    fc.asyncProperty(fc.array(bucket, { minLength: 2, maxLength: 6 }), async (states) => {
      const digests = new BucketDigests();
      const [first = new Map<string, string>(), ...later] = states;
      await digests.look(listed(first));
      let before = first;
      for (const now of later) {
        const { changed } = await digests.look(listed(now));
        expect(changed.sort()).toEqual(differing(before, now));
        before = now;
      }
    }),
  );
});

test('a look that was cut short counts for nothing, and own objects are not looked at', async () => {
  const digests = new BucketDigests();
  expect(await digests.look(listed(new Map([['a/x', '1']])))).toEqual({
    ...{ changed: ['', 'a'], objects: 1 },
  });
  const cut = async function* (): AsyncGenerator<ListedObject> {
    yield { key: 'a/x', size: 2, etag: '2' };
    await Promise.reject(new Error('cut'));
  };
  await expect(digests.look(cut())).rejects.toThrow('cut');
  expect(digests.folders).toEqual(['', 'a']);
  const own = listed(
    new Map([
      ['.cloud-versions/a/x', '1'],
      ['a/x', '1'],
    ]),
  );
  expect(await digests.look(own)).toEqual({ changed: [], objects: 2 });
});

/** A freshness with a stream that the test feeds, and the bucket that it may look at. */
function begin(options: { seconds: number; tells?: boolean; clock?: Clock }) {
  const waiting: StreamItem[] = [];
  let wake = (): void => undefined;
  const forgotten: (readonly string[])[] = [];
  const modes: FreshnessMode[] = [];
  const told: boolean[] = [];
  const bucket = new Map<string, string>();
  const state = { answers: true, served: true, looks: 0, credentials: 0 };
  const freshness = new Freshness({
    clock: options.clock ?? systemClock,
    seconds: options.seconds,
    changes: async function* (signal) {
      while (!signal.aborted) {
        const item = waiting.shift();
        if (item !== undefined) yield item;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    list: () => {
      state.looks += 1;
      return listed(bucket);
    },
    forget: (folders) => {
      forgotten.push([...folders].sort());
      return Promise.resolve();
    },
    isServed: () => state.served,
    canList: () => state.answers,
    isKnown: unknown,
    tells: options.tells ?? false,
    onTells: (tells) => told.push(tells),
    onMode: (mode) => modes.push(mode),
    onTrouble: () => (state.credentials += 1),
  });
  const stop = new AbortController();
  const running = freshness.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    wake();
    await running;
  });
  const say = (...items: StreamItem[]): void => {
    waiting.push(...items);
    wake();
  };
  return { say, forgotten, modes, told, bucket, state, freshness };
}

const put = (key: string): StreamItem => ({
  type: 'event',
  event: { type: 'object-changed', id: '1', at: 't', key, change: 'put', source: 'storage' },
});
const OPEN: StreamItem = { type: 'open', position: '1' };
const CLOSED: StreamItem = { type: 'closed', reason: 'network', detail: '', retryInMs: 1000 };
const GAP: StreamItem = { type: 'gap', position: '2' };

test('a stream counts once the storage has told something through it', async () => {
  const { say, forgotten, modes, told, freshness, bucket } = begin({ seconds: 3600 });
  say(OPEN);
  await expect.poll(() => freshness.mode).toBe('seconds');
  say(put('a/x'));
  await expect.poll(() => freshness.mode).toBe('events');
  expect(told).toEqual([true]);
  await expect.poll(() => forgotten).toEqual([['', 'a']]);
  say(put('a/y'));
  await expect.poll(() => forgotten.at(-1), { timeout: 5000 }).toEqual(['a']);
  // What a gap hides is found by a look at everything: the first finds every folder.
  bucket.set('a/x', '1').set('b/c/x', '1');
  say(GAP);
  await expect.poll(() => forgotten.at(-1), { timeout: 5000 }).toEqual(['', 'a', 'b', 'b/c']);
  bucket.set('b/c/x', '2');
  say(GAP);
  await expect.poll(() => forgotten.at(-1), { timeout: 5000 }).toEqual(['b/c']);
  say(CLOSED);
  await expect.poll(() => freshness.mode).toBe('seconds');
  say(OPEN);
  await expect.poll(() => modes).toEqual(['events', 'seconds', 'events']);
});

test('a storage that is known to tell is believed from the start, and nothing is looked at', async () => {
  const { say, forgotten, freshness, state } = begin({ seconds: 0.02, tells: true });
  state.served = false;
  // Nothing can have been missed before anything was listed.
  say(OPEN, GAP);
  await expect.poll(() => freshness.mode).toBe('events');
  state.served = true;
  say(put('a/x'));
  await expect.poll(() => forgotten).toEqual([['', 'a']]);
  expect(state.looks).toBe(0);
});

test('a storage that changes without telling is found out, and not believed any more', async () => {
  const clock = { at: 1, now: () => clock.at, sleep: systemClock.sleep };
  const { say, forgotten, freshness, told, bucket, state } = begin({
    ...{ seconds: 0.02, tells: true, clock },
  });
  const nextLook = async (): Promise<void> => {
    const { looks } = state;
    clock.at += 2 * 3_600_000;
    await expect.poll(() => state.looks).toBeGreaterThan(looks);
  };
  say(OPEN);
  bucket.set('a/x', '1').set('b/x', '1');
  await nextLook();
  bucket.set('a/x', '2');
  say(put('a/x'));
  await expect.poll(() => forgotten.length).toBe(1);
  await nextLook();
  expect([freshness.mode, told]).toEqual(['events', []]);
  bucket.set('b/x', '2');
  await nextLook();
  await expect.poll(() => forgotten.at(-1)).toEqual(['b']);
  expect([freshness.mode, told]).toEqual(['seconds', [false]]);
});

test('without a stream, what changed is looked for at the pace of the profile', async () => {
  const { forgotten, bucket, state } = begin({ seconds: 0.02 });
  bucket.set('a/x', '1');
  await expect.poll(() => forgotten).toEqual([['', 'a']]);
  const { looks } = state;
  await expect.poll(() => state.looks).toBeGreaterThan(looks + 3);
  expect(forgotten).toHaveLength(1);
  bucket.set('b/x', '1');
  await expect.poll(() => forgotten.slice(1)).toEqual([['', 'b']]);
});

test('a bucket too large to be looked at so often has the folders that are known listed anew', async () => {
  const { forgotten, bucket, state } = begin({ seconds: 0.05 });
  for (let index = 0; index < 100_000; index += 1) bucket.set(`d${index % 5}/${index}`, '1');
  await expect.poll(() => forgotten.length, { timeout: 20_000 }).toBeGreaterThan(4);
  expect(new Set(forgotten.map((folders) => folders.join()))).toEqual(new Set([',d0,d1,d2,d3,d4']));
  expect(state.looks).toBe(1);
});

test('what is remembered is kept while the storage cannot be asked, and made up for', async () => {
  const { say, forgotten, state, freshness, bucket } = begin({ seconds: 0.02, tells: true });
  state.answers = false;
  bucket.set('a/x', '1');
  say(OPEN, put('a/x'), GAP);
  await expect.poll(() => freshness.mode).toBe('events');
  say(CLOSED);
  await expect.poll(() => freshness.mode).toBe('seconds');
  // At the profile's pace it would have been forgotten many times over.
  await systemClock.sleep(200);
  expect(forgotten).toEqual([]);
  state.answers = true;
  await expect.poll(() => forgotten.at(0), { timeout: 5000 }).toEqual(['', 'a']);
});

test('a server that says that keys ended is believed at once', async () => {
  const { say, state } = begin({ seconds: 3600 });
  const id = '434252dd-d83b-4b20-bf70-8a950ff875c4';
  const event = { type: 'credential-revoked', id: '1', at: 't', credential_id: id } as const;
  say({ type: 'event', event });
  await expect.poll(() => state.credentials).toBe(1);
});
