import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ACCESS_CONTENT, ACCESS_FILE } from '../../../src/bisync/filters/own-files.ts';
import { openPair } from '../../../src/bisync/pair.ts';
import { scanBothSides, type Scan } from '../../../src/bisync/scan.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { resolvePlaces } from '../../../src/platform/places.ts';
import type { Rclone } from '../../../src/rclone/rclone.ts';
import { createS3Client } from '../../../src/s3/client.ts';
import { startTestBucket, type TestBucket } from '../../support/devices.ts';
import { realRclone } from '../../support/rclone.ts';

/** Two listers of a first run, rclone and ourselves. `CLOUD_TEST_RUNS` sets the number of trees. */
const RUNS = Number(process.env['CLOUD_TEST_RUNS'] ?? 40);

let home: string;
let bucket: TestBucket;
let real: Rclone;
/** An rclone that cannot list. */
let none: Rclone;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cloud-listings-'));
  bucket = await startTestBucket();
  real = await realRclone();
  none = { ...real, path: join(home, 'none') };
  await writeFile(none.path, '#!/bin/sh\necho unknown flag: --all >&2\nexit 2\n');
  await chmod(none.path, 0o755);
});
afterAll(async () => {
  await bucket[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

const NAMES = [
  ...['a', 'b.md', 'A', 'build', '.hidden', '.cloud-own', 'x.tmp', 'node_modules', '.DS_Store'],
  ...[
    'é',
    'e\u0301',
    '日本',
    '😀',
    ' lead',
    'trail ',
    'dot.',
    '-',
    '#',
    '100%',
    '[x]',
    '{a,b}',
    '*',
  ],
  ...['tab\there', 'line\nbreak', 'quo"te', 'back\\slash', '\u007f', '\ufffd', 'CON'],
  ...['\u201b', '\u2400', '\uff0f', '\uff0e', '\u201b\u2400', '~', '$', "it's"],
];
const name = fc.constantFrom(...NAMES);
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
const entry = fc.record({
  path,
  kind: fc.constantFrom('file', 'file', 'file', 'file', 'folder', 'link', 'loose', 'loop', 'bytes'),
  content: fc.constantFrom('', 'one', 'two', 'x'.repeat(70_000)),
});
const rule = fc.constantFrom('build', '*.md', '/a', '!b.md', '[[]x]', 'é', '#', 'a/**/b.md', '😀/');
const rules = fc.array(rule, { maxLength: 4 }).map((lines) => lines.join('\n'));
const side = fc.record({
  entries: fc.array(entry, { maxLength: 25 }),
  ignore: fc.option(fc.tuple(fc.constantFrom('', 'a/', 'é/'), rules), { nil: undefined }),
  gitignore: fc.option(rules, { nil: undefined }),
  checkFile: fc.boolean(),
});
type Side = typeof side extends fc.Arbitrary<infer T> ? T : never;

async function makeSide(
  root: string,
  { entries, ignore, gitignore, checkFile }: Side,
): Promise<void> {
  const outside = `${root}-outside`;
  await mkdir(outside, { recursive: true });
  await writeFile(join(outside, 'secret.md'), 'not ours');
  const make = async (at: string, what: () => Promise<unknown>): Promise<void> => {
    try {
      await mkdir(dirname(at), { recursive: true });
      await what();
    } catch {
      // Something else has the name: another tree then.
    }
  };
  for (const { path: relative, kind, content } of entries) {
    const at = join(root, relative);
    if (kind === 'file') await make(at, () => writeFile(at, content, { flag: 'wx' }));
    else if (kind === 'folder') await make(at, () => mkdir(at));
    else if (kind === 'link') await make(at, () => symlink(outside, at));
    else if (kind === 'loose') await make(at, () => symlink('nowhere', at));
    else if (kind === 'loop') await make(at, () => symlink('.', at));
    else {
      const raw = Buffer.concat([Buffer.from(`${at}-`), Buffer.from([0xff, 0xfe])]);
      await make(at, () => writeFile(raw, content));
    }
  }
  const write = (file: string, text: string): Promise<void> =>
    make(join(root, file), () => writeFile(join(root, file), text));
  if (ignore !== undefined) await write(`${ignore[0]}.cloudignore`, ignore[1]);
  if (gitignore !== undefined) await write('.gitignore', gitignore);
  if (checkFile) await write(ACCESS_FILE, ACCESS_CONTENT);
}

async function scanBy(rclone: Rclone, root: string, gitignore: boolean): Promise<Scan> {
  const host = {
    ...{ clock: systemClock, env: {}, platform: process.platform },
    places: resolvePlaces({ CLOUD_HOME: `${root}-home` }, process.platform, home),
  };
  const { access } = bucket;
  const pair = await openPair(host, access, root);
  const s3 = createS3Client(access);
  try {
    return await scanBothSides(
      { access, rclone, pair, baseline: new Map(), s3, gitignore, checkAccess: false },
      host,
    );
  } finally {
    s3.close();
  }
}

it('rclone and we list the same for a first run', { timeout: 600_000 }, async () => {
  for (const key of ['b.md', 'build/out', 'deep/a.md', 'é', 'line\nbreak', ACCESS_FILE]) {
    await bucket.put(key, key);
  }
  let [files, odd] = [0, 0];
  await fc.assert(
    fc.asyncProperty(side, fc.boolean(), async (tree, gitignore) => {
      const root = await mkdtemp(join(home, 'root-'));
      await makeSide(root, tree);
      const [theirs, ours] = [
        await scanBy(real, root, gitignore),
        await scanBy(none, root, gitignore),
      ];
      expect([theirs.withoutRclone, typeof ours.withoutRclone]).toEqual([null, 'string']);
      const sorted = (listing: Scan['local']): unknown => [...listing].toSorted();
      expect(sorted(ours.local)).toEqual(sorted(theirs.local));
      expect(sorted(ours.remote)).toEqual(sorted(theirs.remote));
      expect(ours.leftOut).toEqual(theirs.leftOut);
      expect(ours.accessFile).toBe(theirs.accessFile);
      // rclone shows the bytes, we the character that stands for them.
      expect(ours.unreadableNames.length).toBe(theirs.unreadableNames.length);
      files += ours.local.size;
      odd += ours.leftOut.length + ours.unreadableNames.length;
      await rm(root, { recursive: true });
    }),
    { numRuns: RUNS },
  );
  // Otherwise nothing has been proved.
  expect(Math.min(files / 2, odd)).toBeGreaterThan(RUNS / 2);
});
