import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { readActivity } from '../../../src/bisync/activity.ts';
import { readStatus } from '../../../src/bisync/pair.ts';
import type { Rclone } from '../../../src/rclone/rclone.ts';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
});

async function pairFolder(): Promise<string> {
  const pairs = join(laptop.host.places.state, 'pairs');
  return join(pairs, (await readdir(pairs))[0]!);
}

it('a refused key is renewed once, and the run goes on with the new one', async () => {
  await laptop.write('a.md', 'a');
  await laptop.sync();
  await laptop.write('a.md', 'edited');
  let asked = 0;
  const renewAccess = async (): Promise<typeof bucket.access> => {
    asked += 1;
    return Promise.resolve(bucket.access);
  };
  const refused = { ...bucket.access, accessKeyId: 'tid_revoked' };
  const result = await laptop.sync({ access: refused, renewAccess });
  expect(result).toMatchObject({ exitCode: 0, counts: { uploaded: 1 } });
  expect(asked).toBe(1);
  // A key that is refused as well is the end: no key is asked for in a loop.
  const another = async (): Promise<typeof bucket.access> => {
    asked += 1;
    return Promise.resolve({ ...bucket.access, accessKeyId: `tid_${asked}` });
  };
  const run = laptop.sync({ access: refused, renewAccess: another });
  await expect(run).rejects.toMatchObject({ code: 'needs-login', exitCode: 4 });
  expect(asked).toBe(2);
  expect(await readStatus(await pairFolder())).toMatchObject({ state: 'needs-login' });
  expect((await readActivity(await pairFolder())).at(-1)).toMatchObject({
    ...{ type: 'run', state: 'needs-login', error: 'needs-login', exitCode: 4 },
  });
});

it.each(['SlowDown', 'InternalError'] as const)(
  'a storage that answers %s to each listing is offline, and to some only takes longer',
  async (errorCode) => {
    await laptop.write('a.md', 'a');
    await laptop.sync();
    await laptop.write('a.md', 'edited');
    bucket.store.faults.set({ errorRate: 1, errorCode, only: ['ListObjectsV2'] });
    await expect(laptop.sync()).rejects.toMatchObject({ code: 'offline', exitCode: 5 });
    expect(await readStatus(await pairFolder())).toMatchObject({ state: 'offline' });
    bucket.store.faults.set({ errorRate: 0.6, errorCode, only: ['ListObjectsV2'], seed: 3 });
    expect(await laptop.sync()).toMatchObject({ exitCode: 0, counts: { uploaded: 1 } });
  },
  60_000,
);

it('a storage that goes away in the middle of a run leaves it offline, and nothing is lost', async () => {
  await laptop.sync();
  for (let index = 0; index < 150; index += 1) await laptop.write(`f${index}.md`, `${index}`);
  const goes = (): Promise<void> => {
    bucket.store.faults.set({ cutRate: 1, cutAt: ['before'] });
    return Promise.resolve();
  };
  const run = laptop.sync({}, { afterPlan: goes });
  await expect(run).rejects.toMatchObject({ code: 'offline', exitCode: 5 });
  bucket.store.faults.clear();
  await laptop.sync();
  expect(await bucket.objects()).toEqual(await laptop.files());
  // With fewer files each is told, and the run counts as offline all the same.
  await laptop.write('one.md', 'one');
  expect(await laptop.sync({}, { afterPlan: goes })).toMatchObject({
    ...{ state: 'offline', exitCode: 5, problems: [{ path: 'one.md', reason: 'storage' }] },
  });
  bucket.store.faults.clear();
  expect(await laptop.sync()).toMatchObject({ exitCode: 0, counts: { uploaded: 1 } });
}, 60_000);

/** The real rclone, with something that befalls the first one that is started. */
async function unluckyRclone(fate: string): Promise<Rclone> {
  const { rclone } = await laptop.options();
  const marker = join(laptop.root, '..', 'befallen');
  const path = join(laptop.root, '..', 'rclone');
  const script = `#!/bin/sh\nif [ ! -e '${marker}' ]; then : > '${marker}'; ${fate}; fi\nexec '${rclone.path}' "$@"\n`;
  await writeFile(path, script);
  await chmod(path, 0o755);
  return { ...rclone, path };
}

it.each([
  ['killed', 'kill -9 $$'],
  ['stopped', 'kill -STOP $$'],
  ['crashed', 'echo panic >&2; exit 2'],
])('an rclone that is %s is started again', async (_how, fate) => {
  await laptop.write('a.md', 'a');
  const rclone = await unluckyRclone(fate);
  expect(await laptop.sync({ rclone }, { silenceMs: 4000 })).toMatchObject({
    exitCode: 0,
    counts: { uploaded: 1 },
  });
  expect(await bucket.get('a.md')).toBe('a');
});

/** An rclone that answers to every run with these words, or does this to its listings. */
async function unfitRclone(script: string): Promise<Rclone> {
  const { rclone } = await laptop.options();
  const path = join(laptop.root, '..', 'unfit-rclone');
  await writeFile(path, `#!/bin/bash\n${script.replaceAll('RCLONE', rclone.path)}\n`);
  await chmod(path, 0o755);
  return { ...rclone, path };
}

it.each([
  ['does not know a flag', 'echo "Error: unknown flag: --check-filename" >&2; exit 2'],
  ['finds the path too long', 'echo "open /x: file name too long" >&2; exit 7'],
  ['fails each time', 'exit 9'],
  [
    'writes listings in another form',
    'RCLONE "$@"; code=$?; for word in "$@"; do case $last in --workdir) sed -i 1s/v1/v2/ "$word"/*;; esac; last=$word; done; exit $code',
  ],
])(
  'with an rclone that %s both sides are listed without it, and alike',
  async (_how, script) => {
    const names = [
      'plain.md',
      'dir/ä b+c%.md',
      'dir/deep/&<>"\'.md',
      'empty',
      'e\u0301.md',
      '\u00e9.md',
      'odd \ufffd.md',
    ];
    for (const name of names) await laptop.write(name, name === 'empty' ? '' : name);
    for (const name of ['out.log', '.DS_Store', 'node_modules/x/y.js', 'dir/kept.log']) {
      await laptop.write(name, 'ignored or not');
      await bucket.put(`there/${name}`, 'ignored or not');
    }
    await laptop.write('.cloudignore', '*.log\n!kept.log\n');
    await symlink('plain.md', join(laptop.root, 'link.md'));
    await mkdir(join(laptop.root, 'nothing in it'));
    await laptop.sync();
    const whole = await bucket.objects();
    const rclone = await unfitRclone(script);
    expect(await laptop.sync({ rclone, full: true })).toMatchObject({
      ...{ exitCode: 0, problems: [], counts: { uploaded: 0, downloaded: 0, deletedRemote: 0 } },
    });
    expect(laptop.events.map(({ type }) => type)).toContain('without-rclone');
    await laptop.write('plain.md', 'edited here');
    await bucket.put('dir/deep/new.md', 'new there');
    await laptop.remove('empty');
    const second = await laptop.sync({ rclone, full: true });
    expect(second.counts).toMatchObject({ uploaded: 1, downloaded: 1, deletedRemote: 1 });
    expect(await bucket.objects()).toEqual(
      new Map(
        [...whole, ['plain.md', 'edited here'], ['dir/deep/new.md', 'new there']].filter(
          ([key]) => key !== 'empty',
        ) as [string, string][],
      ),
    );
    expect((await laptop.sync()).counts).toMatchObject({ uploaded: 0, downloaded: 0 });
  },
  30_000,
);

it('without rclone too, pages of the listing are followed and what is refused is refused', async () => {
  await laptop.sync();
  for (let group = 0; group < 1001; group += 50) {
    const keys = Array.from({ length: Math.min(50, 1001 - group) }, (_, index) => group + index);
    await Promise.all(keys.map((key) => bucket.put(`many/${key}.md`, `${key}`)));
  }
  const rclone = await unfitRclone('exit 9');
  expect((await laptop.sync({ rclone, full: true })).counts.downloaded).toBe(1001);
  await bucket.remove('.cloud-access');
  await expect(laptop.sync({ rclone, full: true })).rejects.toMatchObject({
    code: 'halted-marker-missing',
  });
  const access = { ...bucket.access, accessKeyId: 'tid_revoked' };
  const refused = laptop.sync({ rclone, access });
  await expect(refused).rejects.toMatchObject({ code: 'needs-login', exitCode: 4 });
}, 60_000);

const canMount = process.platform === 'linux' && process.getuid?.() === 0;

it.skipIf(!canMount)('a full disk here is told for the file, and the rest goes on', async () => {
  const disk = join(laptop.root, '..', 'disk');
  await mkdir(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', disk]));
  const localRoot = join(disk, 'folder');
  await mkdir(localRoot);
  await writeFile(join(localRoot, 'mine.md'), 'mine');
  await laptop.sync({ localRoot });
  await bucket.put('large.bin', 'x'.repeat(3 << 20));
  for (const name of ['small.md', 'other.md']) await bucket.put(name, name);
  await writeFile(join(localRoot, 'mine.md'), 'mine, edited');
  const result = await laptop.sync({ localRoot });
  expect(result.problems).toMatchObject([{ path: 'large.bin', reason: 'disk-full' }]);
  expect(result.exitCode).toBe(3);
  expect((await readdir(localRoot)).sort()).toEqual(
    ['.cloud-access', '.cloud-pair.json', 'mine.md', 'other.md', 'small.md'].sort(),
  );
  expect(await bucket.get('mine.md')).toBe('mine, edited');
  // Room again, and it arrives.
  execFileSync('mount', ['-o', 'remount,size=20m', disk]);
  expect(await laptop.sync({ localRoot })).toMatchObject({
    exitCode: 0,
    counts: { downloaded: 1 },
  });
  expect(await readFile(join(localRoot, 'small.md'), 'utf8')).toBe('small.md');
  await rm(join(localRoot, 'large.bin'));
});

it.each(['it\'s a "folder"', 'two\nlines', 'no\u00a0break', 'a:b*c?'])(
  'a folder may be called %j',
  async (name) => {
    const localRoot = join(laptop.root, name);
    await mkdir(localRoot);
    await writeFile(join(localRoot, 'a.md'), 'a');
    expect((await laptop.sync({ localRoot })).counts.uploaded).toBe(1);
    await writeFile(join(localRoot, 'a.md'), 'edited');
    await bucket.put('b.md', 'b');
    expect(await laptop.sync({ localRoot })).toMatchObject({
      ...{ exitCode: 0, counts: { uploaded: 1, downloaded: 1 } },
    });
    await rm(localRoot, { recursive: true });
    const gone = laptop.sync({ localRoot });
    await expect(gone).rejects.toMatchObject({ code: 'halted-marker-missing', exitCode: 78 });
  },
);
