import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startWatchedBucket, type WatchedBucket } from '../../support/watched.ts';

async function open(): Promise<WatchedBucket> {
  const bucket = await startWatchedBucket();
  onTestFinished(() => bucket[Symbol.asyncDispose]());
  return bucket;
}

const soon = { timeout: 20_000, interval: 20 };

describe('two watchers', () => {
  it('bring a save from one device to the other without a run', async () => {
    const bucket = await open();
    const [a, b] = [await bucket.device('a'), await bucket.device('b')];
    await a.write('notes/one.md', 'first');
    const [first, second] = [await a.watch(), await b.watch()];
    await vi.waitFor(() => expect(second.view().state).toBe('idle'), soon);
    await vi.waitFor(async () => expect(await b.read('notes/one.md')).toBe('first'), soon);
    const runs = (told: typeof a.told): number =>
      told.filter(({ type }) => type === 'scanning').length;
    await vi.waitFor(
      () => expect([first.view().state, second.view().state]).toEqual(['idle', 'idle']),
      soon,
    );
    const before = runs([...a.told, ...b.told]);
    await a.write('notes/one.md', 'second');
    await vi.waitFor(async () => expect(await b.read('notes/one.md')).toBe('second'), soon);
    await b.write('notes/two.md', 'new');
    await vi.waitFor(async () => expect(await a.read('notes/two.md')).toBe('new'), soon);
    expect(await bucket.objects()).toEqual(
      new Map([
        ['notes/one.md', 'second'],
        ['notes/two.md', 'new'],
      ]),
    );
    expect(runs([...a.told, ...b.told])).toBe(before);
  });
});
