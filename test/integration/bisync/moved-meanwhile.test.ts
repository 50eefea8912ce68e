import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { open, rename, rm, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createS3Client, type S3Client } from '../../../src/s3/client.ts';
import { watchFiles } from '../../support/file-barrier.ts';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
  await laptop.write('docs/a.md', 'a');
  await laptop.write('b.md', 'b');
  await laptop.sync();
});

const inRoot = (path: string): string => join(laptop.root, path);

/** The real storage; `meanwhile` happens after the first piece of `key` has come down. */
function duringDownload(key: string, meanwhile: () => Promise<void>): S3Client {
  const real = createS3Client(bucket.access);
  async function* interrupted(body: Readable): AsyncGenerator {
    for await (const chunk of body) {
      yield chunk;
      await meanwhile();
    }
  }
  const get: S3Client['get'] = async (asked, signal) => {
    const answer = await real.get(asked, signal);
    if (asked !== key) return answer;
    return { ...answer, body: Readable.from(interrupted(answer.body)) };
  };
  return Object.defineProperties({ ...real, get }, { clockSkewMs: { value: 0 } });
}

it('a file that is gone before its upload is a change for the next run, not agreement', async () => {
  await laptop.write('b.md', 'edited');
  const first = await laptop.sync({}, { afterPlan: () => laptop.remove('b.md') });
  expect(first).toMatchObject({ exitCode: 3, movedOn: ['b.md'], counts: { uploaded: 0 } });
  expect((await laptop.sync()).exitCode).toBe(0);
  expect(await bucket.objects()).toEqual(await laptop.files());
});

it('a program that keeps size and time of a file, as encrypted containers do, is not overlooked', async () => {
  const target = inRoot('b.md');
  await laptop.write('b.md', 'agreed');
  await utimes(target, 1000, 1000);
  await laptop.sync();
  await bucket.put('b.md', 'theirs');
  onTestFinished(() => watchFiles(undefined));
  await watchFiles(({ operation, path, when }) => {
    if (operation !== 'rename' || path !== target || when !== 'before') return;
    const { atime, mtime } = statSync(target);
    writeFileSync(target, 'edited');
    utimesSync(target, atime, mtime);
  });
  await laptop.sync();
  await watchFiles(undefined);
  await laptop.sync();
  const live = await bucket.objects();
  expect([...live.values()].sort()).toEqual(['a', 'edited', 'theirs']);
  expect(await laptop.files()).toEqual(live);
});

describe('a folder', () => {
  it.each([
    ['renamed', () => rename(inRoot('docs'), inRoot('papers'))],
    ['deleted', () => rm(inRoot('docs'), { recursive: true })],
  ])('that is %s during a download holds up nothing else', async (_what, meanwhile) => {
    await bucket.put('docs/new.md', 'new');
    await bucket.put('other.md', 'other');
    let done = false;
    const s3 = duringDownload('docs/new.md', async () => {
      if (!done) await meanwhile();
      done = true;
    });
    const first = await laptop.sync({}, { s3 });
    expect(first).toMatchObject({ exitCode: 3, problems: [{ path: 'docs/new.md' }] });
    expect(await laptop.read('other.md')).toBe('other');
    expect((await laptop.sync()).exitCode).toBe(0);
    expect(await laptop.files()).toEqual(await bucket.objects());
    expect([...(await bucket.objects()).values()]).toContain('new');
  });
});

describe('what a program writes to a file that was replaced', () => {
  it('is told, and the run goes on, when there is no place for it any more', async () => {
    const program = await open(inRoot('docs/a.md'), 'a');
    await bucket.put('docs/a.md', 'newer');
    await laptop.sync();
    await program.appendFile(', late');
    await program.close();
    await rename(inRoot('docs'), inRoot('papers'));
    await symlink(inRoot('papers'), inRoot('docs'));
    await laptop.write('b.md', 'edited');
    const second = await laptop.sync({ profile: 'fast' });
    expect(second.exitCode).toBe(3);
    expect(second.problems).toContainEqual(
      expect.objectContaining({ path: 'docs/a.md', reason: 'unsafe-path' }),
    );
    expect(await bucket.get('b.md')).toBe('edited');
    // Not forgotten: it comes as soon as there is a folder again.
    await rm(inRoot('docs'));
    const third = await laptop.sync();
    expect(third.problems).toEqual([]);
    expect([...(await bucket.objects()).values()]).toContain('a, late');
  });

  it('is rescued once', async () => {
    const program = await open(inRoot('docs/a.md'), 'a');
    await bucket.put('docs/a.md', 'newer');
    await bucket.put('z.md', 'z');
    const s3 = duringDownload('z.md', async () => {
      await expect.poll(() => laptop.read('docs/a.md')).toBe('newer');
      await program.appendFile(', late');
    });
    const first = await laptop.sync({}, { s3 });
    await program.close();
    expect(first.conflicts).toMatchObject([{ path: 'docs/a.md' }]);
    await laptop.remove(first.conflicts[0]!.copy);
    const second = await laptop.sync();
    expect(second).toMatchObject({ conflicts: [], openConflicts: 0, exitCode: 0 });
    expect(await laptop.files()).toEqual(await bucket.objects());
    expect(await laptop.trash()).toContain('a, late');
  });
});

it("a copy's name that is taken in the bucket only is left to the one who has it", async () => {
  await laptop.write('b.md', 'mine');
  await bucket.put('b.md', 'theirs');
  const now = new Date();
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const taken = `b (conflict cloud ${day} 1).md`;
  const another = (): Promise<void> => bucket.put(taken, "another device's");
  const first = await laptop.sync({ conflicts: 'local' }, { afterPlan: another });
  expect(first).toMatchObject({ exitCode: 0, problems: [], counts: { conflicts: 1 } });
  await laptop.sync();
  expect(await laptop.files()).toEqual(await bucket.objects());
  expect([...(await bucket.objects()).values()].sort()).toEqual(
    ['a', 'mine', 'theirs', "another device's"].sort(),
  );
});
