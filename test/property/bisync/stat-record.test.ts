import { createHash } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { MARKER } from '../../../src/bisync/marker.ts';
import type { Pair } from '../../../src/bisync/pair.ts';
import { quickScan, recordOf } from '../../../src/bisync/quick-scan.ts';
import {
  fileSystemTime,
  readStatRecord,
  writeStatRecord,
} from '../../../src/bisync/stat-record.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { resolvePlaces } from '../../../src/platform/places.ts';
import type { S3Client } from '../../../src/s3/client.ts';

const NAMES = ['a', 'b', 'dir/c', 'dir/d'] as const;
const name = fc.constantFrom(...NAMES);
/** Few sizes, so that most edits keep theirs. */
const text = fc.constantFrom('one', 'two', 'six', 'seven');
/** What programs and people do to files; `time` is a modification time in whole seconds. */
const edit = fc.oneof(
  fc.record({ type: fc.constantFrom('in-place', 'keep-time', 'new-inode'), name, text }),
  fc.record({ type: fc.constantFrom('rename', 'link', 'swap'), name, to: name }),
  fc.record({ type: fc.constantFrom('touch', 'chmod', 'remove', 'anew'), name }),
  fc.record({ type: fc.constant('set-time'), name, time: fc.constantFrom(1_000, 2_000) }),
);
type Edit = { type: string; name: string; text?: string; to?: string; time?: number };
/** Each scan with what happens before it and, in the same moment, after it. */
const life = fc.array(fc.record({ edits: fc.array(edit, { maxLength: 4 }), damaged: fc.nat(40) }), {
  minLength: 1,
  maxLength: 8,
});

class Folder {
  readonly root = mkdtempSync(join(tmpdir(), 'cloud-stat-'));
  readonly state = mkdtempSync(join(tmpdir(), 'cloud-stat-state-'));
  constructor() {
    mkdirSync(join(this.root, 'dir'));
    writeFileSync(join(this.root, MARKER), '{}');
    for (const each of NAMES) this.#write(join(this.root, each), 'one', 1_000);
  }

  apply({ type, name, text = 'new', to = name, time = 1_000 }: Edit): void {
    const [path, other] = [join(this.root, name), join(this.root, to)];
    const old = statSync(path, { throwIfNoEntry: false });
    const mtime = old === undefined ? 1_000 : Math.floor(old.mtimeMs / 1000);
    switch (type) {
      case 'in-place':
        writeFileSync(path, text);
        break;
      case 'keep-time':
        this.#write(path, text, mtime);
        break;
      case 'new-inode':
        this.#write(`${this.root}-draft`, text, mtime);
        renameSync(`${this.root}-draft`, path);
        break;
      case 'anew':
        rmSync(path, { force: true });
        this.#write(path, 'six', mtime);
        break;
      case 'remove':
        rmSync(path, { force: true });
        break;
      default:
        if (old !== undefined) this.#change({ type, path, other, time });
    }
  }

  #change({
    type,
    path,
    other,
    time,
  }: Record<'type' | 'path' | 'other', string> & { time: number }): void {
    if (type === 'touch') utimesSync(path, Date.now() / 1000, Date.now() / 1000);
    else if (type === 'set-time') utimesSync(path, time, time);
    else if (type === 'chmod') chmodSync(path, 0o600);
    else if (path !== other) this.#move(type, path, other);
  }

  #move(type: string, path: string, other: string): void {
    const spare = `${this.root}-spare`;
    if (type === 'rename') renameSync(path, other);
    else if (type === 'link') {
      rmSync(other, { force: true });
      linkSync(path, other);
    } else if (statSync(other, { throwIfNoEntry: false }) !== undefined) {
      renameSync(path, spare);
      renameSync(other, path);
      renameSync(spare, other);
    }
  }

  #write(path: string, content: string, seconds: number): void {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    utimesSync(path, seconds, seconds);
  }

  truth(): Map<string, { size: number; md5: string }> {
    const files = readdirSync(this.root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== MARKER)
      .map((entry) => join(entry.parentPath, entry.name));
    return new Map(
      files.map((file) => {
        const content = readFileSync(file);
        const md5 = createHash('md5').update(content).digest('hex');
        return [file.slice(this.root.length + 1), { size: content.length, md5 }];
      }),
    );
  }

  async scan(): Promise<Map<string, unknown> | undefined> {
    const pair = { root: this.root, folder: this.state } as Pair;
    const s3 = { listInParts: () => Promise.resolve() } as unknown as S3Client;
    const more = { baseline: new Map(), gitignore: false, checkAccess: false, signal: undefined };
    const quick = await quickScan({ pair, s3, ...more, settledMs: 0 }, host);
    if (quick?.record !== undefined) await writeStatRecord(this.state, quick.record);
    return quick?.scan.local;
  }

  damage(seed: number): void {
    const file = join(this.state, 'stat-record');
    const body = readFileSync(file);
    const at = Math.floor((seed / 10) * body.length);
    if (seed % 2 === 0) writeFileSync(file, body.subarray(0, at));
    else writeFileSync(file, body.fill(seed, at, at + 1));
  }

  dispose(): void {
    for (const folder of [this.root, this.state]) rmSync(folder, { recursive: true });
  }
}

const host = {
  ...{ clock: systemClock, env: {}, platform: process.platform },
  places: resolvePlaces({}, process.platform, tmpdir()),
};

it('what is not read anew is what it was, whatever happens to the files', async () => {
  let known = 0;
  await fc.assert(
    fc.asyncProperty(life, async (scans) => {
      const folder = new Folder();
      try {
        await writeStatRecord(folder.state, { comparedAt: Date.now(), files: new Map() });
        for (const { edits, damaged } of scans) {
          for (const each of edits) folder.apply(each);
          if (damaged < 10) folder.damage(damaged);
          const local = await folder.scan();
          if (local === undefined) {
            // Only a damaged record is a doubt here; a full scan would begin another one.
            expect(damaged).toBeLessThan(10);
            await writeStatRecord(folder.state, { comparedAt: Date.now(), files: new Map() });
          } else expect(local).toEqual(folder.truth());
          known += (await readStatRecord(folder.state))?.files.size ?? 0;
        }
      } finally {
        folder.dispose();
      }
    }),
    { numRuns: 120 },
  );
  // Otherwise nothing has been proved.
  expect(known).toBeGreaterThan(100);
});

it('an edit in the very tick in which a file was read is seen, with its size and time kept', async () => {
  const folder = new Folder();
  onTestFinished(() => {
    folder.dispose();
  });
  await writeStatRecord(folder.state, { comparedAt: Date.now(), files: new Map() });
  for (let round = 0; round < 100; round += 1) {
    const [first, second] = round % 2 === 0 ? ['one', 'two'] : ['two', 'one'];
    folder.apply({ type: 'keep-time', name: 'a', text: first });
    await folder.scan();
    folder.apply({ type: 'keep-time', name: 'a', text: second });
    expect(await folder.scan()).toEqual(folder.truth());
  }
});

it('an edit after a full scan has read the file, and before its stamp is taken, is seen', async () => {
  const folder = new Folder();
  onTestFinished(() => {
    folder.dispose();
  });
  // Twice: the files were made in the tick of the first.
  await fileSystemTime(folder.root);
  const since = await fileSystemTime(folder.root);
  const read = folder.truth();
  folder.apply({ type: 'keep-time', name: 'a', text: 'two' });
  const record = await recordOf(folder.root, read, since, { comparedAt: Date.now(), settledMs: 0 });
  expect([...record.files.keys()].sort()).toEqual(['b', 'dir/c', 'dir/d']);
  await writeStatRecord(folder.state, record);
  expect(await folder.scan()).toEqual(folder.truth());
  // Nor is what was edited shortly before, for a clock that ticks seldom, or a memory map.
  const later = await fileSystemTime(folder.root);
  const careful = { comparedAt: Date.now(), settledMs: 3_600_000 };
  expect((await recordOf(folder.root, folder.truth(), later, careful)).files.size).toBe(0);
});
