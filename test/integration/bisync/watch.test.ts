import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createApiClient } from '../../../src/api/client.ts';
import type { Watcher } from '../../../src/bisync/watch/watcher.ts';
import {
  startWatchedBucket,
  type WatchedBucket,
  type WatchedDevice,
} from '../../support/watched.ts';

async function open(): Promise<WatchedBucket> {
  const bucket = await startWatchedBucket();
  onTestFinished(() => bucket[Symbol.asyncDispose]());
  return bucket;
}

/** Much longer than it takes: the machine may have other things to do. */
const soon = { timeout: 200_000, interval: 50 };
vi.setConfig({ testTimeout: 240_000 });

async function idle(...watchers: Watcher[]): Promise<void> {
  await vi.waitFor(() => {
    for (const watcher of watchers)
      expect(watcher.view()).toMatchObject({ state: 'idle', queued: 0 });
  }, soon);
}

const runs = (device: WatchedDevice): number =>
  device.told.filter(({ type }) => type === 'scanning').length;

/** Two devices with the same files, both watching and at rest. */
async function pairOf(files: Record<string, string> = {}) {
  const bucket = await open();
  const [a, b] = [await bucket.device('a'), await bucket.device('b')];
  for (const [path, content] of Object.entries(files)) await a.write(path, content);
  const first = await a.watch();
  await idle(first);
  const second = await b.watch();
  await idle(first, second);
  return { bucket, a, b, first, second };
}

async function equal(bucket: WatchedBucket, ...devices: WatchedDevice[]): Promise<void> {
  const [one, ...others] = devices;
  await vi.waitFor(async () => {
    const files = await one!.files();
    expect(await bucket.objects()).toEqual(files);
    for (const other of others) expect(await other.files()).toEqual(files);
  }, soon);
}

describe('two watchers', () => {
  it('bring saves across by the lane: no run, no conflict, and a measured lag', async () => {
    const { bucket, a, b, first, second } = await pairOf({ 'notes/one.md': 'first' });
    const before = [runs(a), runs(b)];
    await a.write('notes/one.md', 'second');
    await vi.waitFor(async () => expect(await b.read('notes/one.md')).toBe('second'), soon);
    await b.write('notes/new folder/two.md', 'new');
    await vi.waitFor(async () => expect(await a.read('notes/new folder/two.md')).toBe('new'), soon);
    await bucket.put('three.md', 'by somebody else');
    await equal(bucket, a, b);
    expect([runs(a), runs(b)]).toEqual(before);
    const [last] = first.view().recent;
    expect(last).toMatchObject({ path: 'three.md', direction: 'down', kind: 'saved', via: 'lane' });
    expect(last?.lagMs).toBeGreaterThanOrEqual(0);
    await idle(first, second);
    // The next run finds nothing to do: what the lane did is in its baseline.
    const result = await first.flush();
    expect(result).toMatchObject({ changes: 0, openConflicts: 0, problems: [] });
  });

  it('bring deletes and renames across, of folders too', async () => {
    const files = {
      'a/1.md': 'one',
      'a/2.md': 'two',
      'b.md': 'three',
      'c.md': 'four',
      'd.md': '5',
    };
    const { bucket, a, b } = await pairOf(files);
    await rename(join(a.root, 'a'), join(a.root, 'z'));
    await vi.waitFor(async () => expect([...(await b.files()).keys()]).toContain('z/1.md'), soon);
    await b.remove('b.md');
    await rename(join(b.root, 'c.md'), join(b.root, 'e.md'));
    await bucket.remove('d.md');
    const left = new Map([
      ['e.md', 'four'],
      ['z/1.md', 'one'],
      ['z/2.md', 'two'],
    ]);
    await vi.waitFor(
      async () => expect(new Map([...(await a.files())].sort())).toEqual(left),
      soon,
    );
    await equal(bucket, a, b);
    expect(await b.trash()).not.toEqual([]);
  });

  it('keep both versions when both changed a file at once', async () => {
    const { bucket, a, b, first, second } = await pairOf({ 'a.md': 'agreed', 'b.md': 'agreed' });
    await Promise.all([a.write('a.md', 'of a'), b.write('a.md', 'of b, longer')]);
    await vi.waitFor(async () => expect((await a.files()).size).toBe(3), soon);
    await equal(bucket, a, b);
    await vi.waitFor(() => {
      for (const watcher of [first, second]) {
        // Where both times are the same a person is asked.
        expect(watcher.view().state).toMatch(/^(idle|conflicts)$/);
      }
    }, soon);
    const contents = [...(await bucket.objects()).values()].sort();
    expect(contents).toEqual(['agreed', 'of a', 'of b, longer']);
    const conflicts = [...a.told, ...b.told].filter(({ type }) => type === 'conflict');
    expect(conflicts).toHaveLength(1);
  });
});

describe('storms', () => {
  it('many files in new folders lose none', async () => {
    const { bucket, a, b } = await pairOf({ 'seed.md': 'seed' });
    for (let folder = 0; folder < 20; folder += 1) {
      const path = join(a.root, `deep/folder-${folder}/inner`);
      await mkdir(path, { recursive: true });
      const file = (each: number) => writeFile(join(path, `${each}.md`), `${folder}.${each}`);
      await Promise.all(Array.from({ length: 15 }, (_, each) => file(each)));
    }
    await vi.waitFor(async () => expect((await b.files()).size).toBe(301), soon);
    await equal(bucket, a, b);
  });
});

describe('a watcher', () => {
  it('goes offline with the storage, says so, and makes everything good when it is back', async () => {
    const { bucket, a, b, first } = await pairOf({ 'a.md': 'agreed' });
    bucket.server.objectStore.faults.set({ cutRate: 1, cutAt: ['before'] });
    await a.write('a.md', 'saved offline');
    await a.write('b.md', 'new offline');
    await vi.waitFor(() => expect(first.view().state).toBe('offline'), soon);
    await expect(first.flush()).rejects.toMatchObject({ code: 'offline' });
    bucket.server.objectStore.faults.clear();
    await equal(bucket, a, b);
    expect(await b.read('a.md')).toBe('saved offline');
    expect([...a.told, ...b.told].filter(({ type }) => type === 'conflict')).toEqual([]);
  });

  it('pauses, also across a restart, and catches up when it is resumed', async () => {
    const { bucket, a, b, first } = await pairOf({ 'a.md': 'agreed' });
    await first.pause(null);
    await vi.waitFor(() => expect(first.view().state).toBe('paused'), soon);
    await expect(first.flush()).rejects.toMatchObject({ code: 'paused' });
    await a.write('a.md', 'while paused');
    await bucket.put('c.md', 'while paused, there');
    await vi.waitFor(async () => expect(await b.read('c.md')).toBe('while paused, there'), soon);
    first.stop();
    expect(await first.done).toMatchObject({ graceful: true });
    const again = await a.watch();
    await vi.waitFor(() => expect(again.view().state).toBe('paused'), soon);
    expect(await a.read('c.md')).toBeUndefined();
    expect(await bucket.get('a.md')).toBe('agreed');
    await again.resume();
    await equal(bucket, a, b);
    expect(await bucket.get('a.md')).toBe('while paused');
  });

  it('ends a pause by itself when its time is over', async () => {
    const { bucket, a, first } = await pairOf({ 'a.md': 'agreed' });
    await first.pause(a.host.clock.now() + 300);
    await a.write('a.md', 'while paused');
    await vi.waitFor(async () => expect(await bucket.get('a.md')).toBe('while paused'), soon);
  });

  it('flush waits for everything from before the call, both ways', async () => {
    const { bucket, a, first } = await pairOf({ 'a.md': 'agreed' });
    await a.write('a.md', 'saved');
    await bucket.put('b.md', 'there');
    await first.flush();
    expect(await bucket.get('a.md')).toBe('saved');
    expect(await a.read('b.md')).toBe('there');
  });

  it('lets a sync by hand have its turn, and goes on by what that has agreed', async () => {
    const { bucket, a, b, first } = await pairOf({ 'a.md': 'agreed' });
    await a.write('a.md', 'by hand');
    expect(await a.sync()).toMatchObject({ exitCode: 0 });
    await a.write('a.md', 'by the lane');
    await equal(bucket, a, b);
    await idle(first);
    expect(await b.read('a.md')).toBe('by the lane');
    await expect(a.watch()).rejects.toMatchObject({ name: 'LockHeldError' });
  });

  it('compares at each interval when no events come', async () => {
    const bucket = await open();
    const a = await bucket.device('a');
    const watcher = await a.watch({ followEvents: undefined, intervalMs: 2000 });
    await idle(watcher);
    await bucket.put('a.md', 'there');
    await vi.waitFor(async () => expect(await a.read('a.md')).toBe('there'), soon);
    expect(watcher.view().remote).toBe('interval');
  });

  it('looks through the folder itself when the system has no more watches', async () => {
    const bucket = await open();
    const a = await bucket.device('a');
    await a.write('sub/a.md', 'one');
    const fsWatch = (): never => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    };
    const watcher = await a.watch({}, { fsWatch });
    await idle(watcher);
    expect(watcher.view()).toMatchObject({ local: 'polling' });
    expect(watcher.view().localNotice).toMatch(/max_user_watches/);
    await a.write('sub/a.md', 'two');
    await a.write('sub/new/b.md', 'new');
    await vi.waitFor(async () => expect(await bucket.get('sub/a.md')).toBe('two'), soon);
    await vi.waitFor(async () => expect(await bucket.get('sub/new/b.md')).toBe('new'), soon);
  });

  it('ends with what needs a person', async () => {
    const { a, first } = await pairOf({ 'a.md': 'agreed' });
    await rename(a.root, `${a.root}-away`);
    await mkdir(a.root);
    await expect(first.done).rejects.toMatchObject({ code: 'halted-marker-missing', exitCode: 78 });
  });

  it('looks once more before a guard ends it: a checkout may be half-way', async () => {
    const files = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`${n}.md`, `${n}`]));
    const { bucket, a, first } = await pairOf(files);
    for (const path of Object.keys(files)) await a.remove(path);
    await vi.waitFor(() => expect(runs(a)).toBe(2), soon);
    for (const [path, content] of Object.entries(files)) await a.write(path, `${content} anew`);
    await vi.waitFor(async () => expect(await bucket.get('7.md')).toBe('7 anew'), soon);
    await idle(first);
    for (const path of Object.keys(files)) await a.remove(path);
    await expect(first.done).rejects.toMatchObject({ code: 'halted-root-emptied' });
  });

  it('follows the rules as they change', async () => {
    const { bucket, a, b, first, second } = await pairOf({ 'a.md': 'agreed' });
    await a.write('.cloudignore', 'private/\n');
    await vi.waitFor(async () => expect(await b.read('.cloudignore')).toBe('private/\n'), soon);
    await idle(first, second);
    await b.write('private/diary.md', 'mine');
    await b.write('b.md', 'ours');
    await vi.waitFor(async () => expect(await a.read('b.md')).toBe('ours'), soon);
    expect(await bucket.get('private/diary.md')).toBeUndefined();
    await b.write('.cloudignore', '');
    await vi.waitFor(async () => expect(await a.read('private/diary.md')).toBe('mine'), soon);
    await b.write('private/diary.md', 'mine, changed');
    await vi.waitFor(
      async () => expect(await a.read('private/diary.md')).toBe('mine, changed'),
      soon,
    );
  });
});

describe('a tenant that is denied', () => {
  it('stops a watcher, which says why, keeps what is saved, and goes on when it is allowed', async () => {
    const { bucket, a, b, first } = await pairOf({ 'a.md': 'agreed' });
    const admin = createApiClient({
      server: bucket.server.url,
      token: () => Promise.resolve(bucket.server.adminToken),
    });
    await admin.setTenantPolicy('acme', { policy: 'denied', reason: 'invoice 42 is open' });
    await a.write('a.md', 'saved while denied');
    await vi.waitFor(() => {
      const { state, message, problems } = first.view();
      expect(state).toBe('error');
      expect(message).toContain('invoice 42 is open');
      expect(problems[0]?.cure).toContain('administers the server');
    }, soon);
    expect(await a.read('a.md')).toBe('saved while denied');
    await admin.setTenantPolicy('acme', { policy: 'allowed' });
    await vi.waitFor(async () => expect(await b.read('a.md')).toBe('saved while denied'), soon);
    await equal(bucket, a, b);
    expect([...a.told, ...b.told].filter(({ type }) => type === 'conflict')).toEqual([]);
    await idle(first);
    expect(first.view().problems).toEqual([]);
  });
});
