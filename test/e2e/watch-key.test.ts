import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import type { RequestEntry } from '../../src/object-store/request-log.ts';
import { openPerson } from '../support/person.ts';
import { startCloud } from '../support/running-cloud.ts';

const patient = { timeout: 60_000, interval: 50 };

interface Rotated {
  id: string;
  replaced: { id: string; revoked: boolean };
  still_in_use_by: string[];
}

it('a watcher takes a rotated key before the old one is revoked, and loses no save', async () => {
  const laptop = await openPerson();
  const desk = await openPerson(laptop);
  const watchers = [laptop, desk].map(({ env }) => startCloud(['bisync', '--watch'], env));
  for (const { until } of watchers)
    await until(({ type, state }) => type === 'state' && state === 'idle');

  const { objectStore } = laptop.server;
  const requests: RequestEntry[] = [];
  objectStore.requests.listen((entry) => requests.push(entry));
  // Each upload takes its time, so that some are under way in each moment of the rotation.
  objectStore.faults.set({ latencyMs: 150 });
  const saved: string[] = [];
  const over = new AbortController();
  const saving = (async () => {
    for (let index = 0; !over.signal.aborted; index += 1) {
      const name = `save-${index}.md`;
      await writeFile(join(laptop.folder, name), `text ${index}`);
      saved.push(name);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
  })();
  await vi.waitFor(() => expect(saved.length).toBeGreaterThan(10), patient);
  const run = await laptop.cloud('credentials', 'rotate', '--json');
  expect(run.exitCode, run.stderr).toBe(0);
  const [rotated] = JSON.parse(run.stdout) as [Rotated];
  expect(rotated).toMatchObject({ replaced: { revoked: true }, still_in_use_by: [] });
  const before = saved.length;
  await vi.waitFor(() => expect(saved.length).toBeGreaterThan(before + 10), patient);
  over.abort();
  await saving;
  objectStore.faults.clear();

  expect(await laptop.cloud('flush')).toMatchObject({ exitCode: 0 });
  await vi.waitFor(async () => {
    for (const [index, name] of saved.entries()) {
      expect(await readFile(join(desk.folder, name), 'utf8'), name).toBe(`text ${index}`);
    }
  }, patient);
  // Both keys carried saves, and neither was ever refused: nobody ran into the end of the old one.
  const uploads = requests.filter(({ key }) => key?.startsWith('save-') === true);
  const put = uploads.filter(({ operation }) => operation === 'PutObject');
  expect(new Set(put.map(({ accessKeyId }) => accessKeyId)).size).toBe(2);
  expect(requests.filter(({ status }) => status === 401 || status === 403)).toEqual([]);
  for (const { lines } of watchers) {
    expect(lines.filter(({ state }) => state === 'needs-login' || state === 'error')).toEqual([]);
  }
}, 180_000);

it('a watcher that is stopped keeps no rotation waiting for ever', async () => {
  const { env, folder, cloud } = await openPerson();
  const watcher = startCloud(['bisync', '--watch'], env);
  await watcher.until(({ type, state }) => type === 'state' && state === 'idle');
  watcher.signal('SIGSTOP');
  const held = await cloud('credentials', 'rotate', '--wait', '1', '--json');
  expect(held.exitCode, held.stderr).toBe(3);
  expect(JSON.parse(held.stdout)).toMatchObject([
    { replaced: { revoked: false }, still_in_use_by: [folder] },
  ]);
  watcher.signal('SIGCONT');
  const finished = await cloud('credentials', 'rotate', '--json');
  expect(finished.exitCode, finished.stderr).toBe(0);
  expect(JSON.parse(finished.stdout)).toMatchObject([
    { replaced: { revoked: true }, still_in_use_by: [] },
  ]);
  await writeFile(join(folder, 'after.md'), 'after');
  await watcher.until(({ type, path }) => type === 'change' && path === 'after.md');
}, 120_000);
