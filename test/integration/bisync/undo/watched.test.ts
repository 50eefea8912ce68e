import { expect, it, onTestFinished, vi } from 'vitest';
import { createApiClient } from '../../../../src/api/client.ts';
import { undoRun } from '../../../../src/bisync/undo/undo-run.ts';
import { startWatchedBucket } from '../../../support/watched.ts';

/** Much longer than it takes: the machine may have other things to do. */
const soon = { timeout: 100_000, interval: 50 };

it('an undo goes between the slices of a watcher, and the other device follows', async () => {
  const bucket = await startWatchedBucket();
  onTestFinished(() => bucket[Symbol.asyncDispose]());
  const [a, b] = [await bucket.device('a'), await bucket.device('b')];
  await a.write('plan.md', 'a good plan');
  const watchers = [await a.watch(), await b.watch()];
  const everywhere = async (text: string): Promise<void> => {
    await vi.waitFor(async () => {
      expect([await a.read('plan.md'), await b.read('plan.md')]).toEqual([text, text]);
      expect(await bucket.get('plan.md')).toBe(text);
      for (const watcher of watchers)
        expect(watcher.view()).toMatchObject({ state: 'idle', queued: 0 });
    }, soon);
  };
  await everywhere('a good plan');
  await a.write('plan.md', 'a bad plan');
  await everywhere('a bad plan');
  const token = (): Promise<string> => Promise.resolve(bucket.server.apiKeyOf('acme'));
  const api = createApiClient({ server: bucket.server.url, token });
  const request = {
    ...{ access: bucket.access, localRoot: a.root },
    listVersions: (path: string) => api.listVersions(path),
  };
  const undone = await undoRun(request, a.host);
  expect(undone).toMatchObject({
    ...{ exitCode: 0, left: [] },
    done: [{ path: 'plan.md', from: 'cloud', synced: true }],
  });
  await everywhere('a good plan');
  // The watcher has read what was agreed anew: the next save is an edit and no conflict.
  await a.write('plan.md', 'the final plan');
  await everywhere('the final plan');
  expect([...(await a.files()).keys()]).toEqual(['plan.md']);
}, 200_000);
