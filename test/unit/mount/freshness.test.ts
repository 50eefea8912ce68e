import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import type { StreamItem } from '../../../src/api/event-stream.ts';
import { ChangedFolders } from '../../../src/mount/changed-folders.ts';
import { Freshness, type FreshnessMode } from '../../../src/mount/freshness.ts';
import { systemClock } from '../../../src/platform/clock.ts';

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

/** A freshness with a stream that the test feeds. */
function begin(seconds: number): {
  say: (...items: StreamItem[]) => void;
  forgotten: (readonly string[] | 'all')[];
  modes: FreshnessMode[];
  credentials: () => number;
  freshness: Freshness;
  /** The storage goes away, or comes back. */
  reach: (answers: boolean) => void;
} {
  const waiting: StreamItem[] = [];
  let wake = (): void => undefined;
  const forgotten: (readonly string[] | 'all')[] = [];
  const modes: FreshnessMode[] = [];
  let credentials = 0;
  let answers = true;
  const freshness = new Freshness({
    clock: systemClock,
    seconds,
    changes: async function* (signal) {
      while (!signal.aborted) {
        const item = waiting.shift();
        if (item !== undefined) yield item;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    forget: (folders) => {
      forgotten.push(folders);
      return Promise.resolve();
    },
    canList: () => answers,
    isKnown: unknown,
    onMode: (mode) => modes.push(mode),
    onTrouble: () => (credentials += 1),
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
  const reach = (now: boolean): void => void (answers = now);
  return { say, forgotten, modes, credentials: () => credentials, freshness, reach };
}

const put = (key: string): StreamItem => ({
  type: 'event',
  event: { type: 'object-changed', id: '1', at: 't', key, change: 'put', source: 'storage' },
});

test('a stream counts once the storage has told something through it', async () => {
  const { say, forgotten, modes, freshness } = begin(3600);
  say({ type: 'open', position: '1' });
  await expect.poll(() => freshness.mode).toBe('seconds');
  say(put('a/x'));
  await expect.poll(() => freshness.mode).toBe('events');
  // Whatever changed while nobody told of it.
  await expect.poll(() => forgotten).toEqual(['all']);
  say(put('a/y'));
  await expect.poll(() => forgotten, { timeout: 5000 }).toEqual(['all', ['a', '']]);
  say({ type: 'gap', position: '2' });
  await expect.poll(() => forgotten.length, { timeout: 5000 }).toBe(3);
  expect(forgotten[2]).toBe('all');
  say({ type: 'closed', reason: 'network', detail: '', retryInMs: 1000 });
  await expect.poll(() => freshness.mode).toBe('seconds');
  say({ type: 'open', position: '2' });
  await expect.poll(() => modes).toEqual(['events', 'seconds', 'events']);
});

test('without a stream everything is forgotten at the pace of the profile', async () => {
  const { forgotten, say, freshness } = begin(0.05);
  await expect.poll(() => forgotten.length).toBeGreaterThan(3);
  expect(new Set(forgotten)).toEqual(new Set(['all']));
  say({ type: 'open', position: '1' }, put('x'));
  await expect.poll(() => freshness.mode).toBe('events');
});

test('what is remembered is kept while the storage cannot be asked, and made up for', async () => {
  const { say, forgotten, reach, freshness } = begin(0.02);
  reach(false);
  say({ type: 'open', position: '1' }, put('a/x'));
  await expect.poll(() => freshness.mode).toBe('events');
  say({ type: 'closed', reason: 'network', detail: '', retryInMs: 1000 });
  await expect.poll(() => freshness.mode).toBe('seconds');
  // At the profile's pace it would have been forgotten many times over.
  await systemClock.sleep(200);
  expect(forgotten).toEqual([]);
  say({ type: 'open', position: '1' });
  await expect.poll(() => freshness.mode).toBe('events');
  reach(true);
  await expect.poll(() => forgotten, { timeout: 5000 }).toEqual(['all']);
});

test('a server that says that keys ended is believed at once', async () => {
  const { say, credentials } = begin(3600);
  const id = '434252dd-d83b-4b20-bf70-8a950ff875c4';
  const event = { type: 'credential-revoked', id: '1', at: 't', credential_id: id } as const;
  say({ type: 'event', event });
  await expect.poll(credentials).toBe(1);
});
