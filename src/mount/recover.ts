import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isErrno, replaceFile } from '../platform/atomic-file.ts';
import type { Clock } from '../platform/clock.ts';
import { keyBelow } from '../platform/paths.ts';
import {
  joinRanges,
  md5InNote,
  noteAsPending,
  placesOf,
  readNote,
  withoutRanges,
  writeNote,
  type ByteRange,
  type CacheNote,
  type CachePlaces,
} from './cache-note.ts';
import { REMOTE } from './vfs.ts';
import { completeFile, dataBlocks, isWrittenInPages } from './written-parts.ts';

/** A cached file that the next rclone would have dropped or mixed with old content. */
export interface RecoveredFile {
  name: string;
  /** The name under which it is uploaded; undefined when the bucket has this very content. */
  uploadedAs: string | undefined;
  /** Another reading of the same file, kept beside it because nobody can tell which is right. */
  alsoAs?: string;
}

/** The names of those that are in the bucket beside the file that they may be a version of. */
export function besides(files: readonly RecoveredFile[]): string[] {
  return files.flatMap(({ name, uploadedAs, alsoAs }) =>
    [uploadedAs, alsoAs].flatMap((each) => (each === undefined || each === name ? [] : [each])),
  );
}

/** What recovering wants to know of the bucket. */
export interface BucketObjects {
  /** The object of this name, if there is one; its MD5 where the storage knows it. */
  md5(name: string): Promise<{ md5: string | undefined } | undefined>;
  /** Its content; undefined when there is none. */
  read(name: string): Promise<Readable | undefined>;
}

/** - `behind`: written to after the note; - `lost`: missing or half-written */
type NoteState = 'sound' | 'behind' | 'lost';

/**
 * Makes good what a kill or a power cut did to rclone's notes about its cached files. It rewrites
 * them in place, and only when a file is first changed and when it is closed. A note that is `lost`
 * makes the next rclone delete the cached file, uploaded or not (1.75: `removed cache file as failed
 * to load metadata`); one that is `behind` makes it fetch the object's old content over what was
 * written since. No rclone may be serving this cache.
 *
 * A file without a note is uploaded under its own name where the bucket has none of it, and
 * otherwise beside the object there, because nobody can tell which of them is newer. A file with
 * parts that rclone wrote and did not note is made whole with the bucket's bytes for its holes.
 *
 * @returns what was not as noted
 * @throws RcError, S3RequestError when the bucket cannot be asked; nothing is lost then
 */
export async function recoverCache(
  objects: BucketObjects,
  { cache, bucket, clock }: { cache: string; bucket: string; clock: Clock },
): Promise<RecoveredFile[]> {
  const recovered: RecoveredFile[] = [];
  const recovery = new Recovery(objects, cache, bucket, clock);
  for (const name of await cachedFiles(cache, bucket)) {
    const done = await recovery.recover(name);
    if (done !== undefined) recovered.push(done);
  }
  return recovered;
}

/** The cached files of a bucket whose note is not as it should be. */
export async function unsoundFiles(
  cache: string,
  bucket: string,
): Promise<{ name: string; state: NoteState }[]> {
  const found: { name: string; state: NoteState }[] = [];
  for (const name of await cachedFiles(cache, bucket)) {
    const { data, note } = placesOf(cache, bucket, name);
    const state = await stateOf(data, await readNote(note));
    if (state !== 'sound') found.push({ name, state });
  }
  return found;
}

async function cachedFiles(cache: string, bucket: string): Promise<string[]> {
  const root = join(cache, 'vfs', REMOTE, bucket);
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(
    (error: unknown) => {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    },
  );
  return entries
    .filter((entry) => entry.isFile())
    .flatMap((entry) => keyBelow(root, join(entry.parentPath, entry.name)) ?? []);
}

async function stateOf(data: string, note: CacheNote | undefined): Promise<NoteState> {
  if (note === undefined) return 'lost';
  return note.Dirty && note.Size !== (await stat(data)).size ? 'behind' : 'sound';
}

class Recovery {
  readonly #objects: BucketObjects;
  readonly #cache: string;
  readonly #bucket: string;
  readonly #clock: Clock;

  constructor(objects: BucketObjects, cache: string, bucket: string, clock: Clock) {
    this.#objects = objects;
    this.#cache = cache;
    this.#bucket = bucket;
    this.#clock = clock;
  }

  async recover(name: string): Promise<RecoveredFile | undefined> {
    const places = this.#placesOf(name);
    const note = await readNote(places.note);
    if (note === undefined) return this.#withoutNote(name, places);
    if (!note.Dirty) return undefined;
    const { size } = await stat(places.data);
    const sure = sureRanges(note, size);
    const missing = withoutRanges([{ Pos: 0, Size: size }], sure);
    const unnoted = missing.length === 0 ? [] : withoutRanges(await dataBlocks(places.data), sure);
    if (joinRanges(unnoted, size).length > 0) return this.#withParts(name, places, note, sure);
    if (note.Size !== size) await writeNote(places.note, { ...note, Size: size, Rs: sure });
    return undefined;
  }

  #placesOf(name: string): CachePlaces {
    return placesOf(this.#cache, this.#bucket, name);
  }

  async #withoutNote(name: string, places: CachePlaces): Promise<RecoveredFile> {
    const { size } = await stat(places.data);
    const holes = withoutRanges([{ Pos: 0, Size: size }], await dataBlocks(places.data));
    const object = await this.#objects.md5(name);
    if (object === undefined) {
      return this.#upload(name, places, holes.length === 0 ? name : await this.#beside(name));
    }
    if (size === 0 || (holes.length === 0 && object.md5 === (await md5Of(places.data)))) {
      await rm(places.data, { force: true });
      await rm(places.note, { force: true });
      return { name, uploadedAs: undefined };
    }
    if (holes.length === 0) return this.#upload(name, places, await this.#beside(name));
    return this.#complete(name, places, [], await this.#beside(name));
  }

  /** Parts of it were written after the note. */
  async #withParts(
    name: string,
    places: CachePlaces,
    note: CacheNote,
    sure: readonly ByteRange[],
  ): Promise<RecoveredFile> {
    const object = await this.#objects.md5(name);
    if (object !== undefined) {
      const known = md5InNote(note);
      // Somebody else replaced the object meanwhile: what fills the holes is not what was there.
      const isOther = known !== undefined && object.md5 !== undefined && known !== object.md5;
      return this.#complete(name, places, sure, isOther ? await this.#beside(name) : name, note);
    }
    // Of a new file everything is here, holes included.
    const whole = note.Fingerprint === '';
    return this.#upload(name, places, whole ? name : await this.#beside(name), note);
  }

  /** Fills the holes with what the bucket has there, and uploads it as `target`. */
  async #complete(
    name: string,
    places: CachePlaces,
    sure: readonly ByteRange[],
    target: string,
    note?: CacheNote,
  ): Promise<RecoveredFile> {
    const folder = join(this.#cache, 'recovering');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const unique = randomBytes(6).toString('hex');
    const made = { filled: join(folder, `${unique}-f`), written: join(folder, `${unique}-w`) };
    try {
      const blocks = joinRanges(await dataBlocks(places.data), (await stat(places.data)).size);
      const object = await this.#objects.read(name);
      const differ = await completeFile({ data: places.data, sure, blocks, object }, made);
      const pages = await isWrittenInPages(made.written);
      const [main, other] = pages ? [made.written, made.filled] : [made.filled, made.written];
      const { atime, mtime } = await stat(places.data);
      for (const each of [main, other]) await utimes(each, atime, mtime);
      const alsoAs = differ ? await this.#beside(name, target) : undefined;
      if (alsoAs !== undefined) await this.#place(other, alsoAs);
      await this.#place(main, target, target === name ? note : undefined);
      if (target !== name) await this.#forget(places);
      return { name, uploadedAs: target, ...(alsoAs === undefined ? {} : { alsoAs }) };
    } finally {
      await rm(made.filled, { force: true });
      await rm(made.written, { force: true });
    }
  }

  /** The note goes last: a file with the old one is recovered once more. */
  async #place(from: string, name: string, note?: CacheNote): Promise<void> {
    const to = this.#placesOf(name);
    await mkdir(dirname(to.data), { recursive: true, mode: 0o700 });
    await replaceFile(from, to.data);
    await noteAsPending(to, this.#clock, note);
  }

  async #forget(places: CachePlaces): Promise<void> {
    await rm(places.data, { force: true });
    await rm(places.note, { force: true });
  }

  /** Uploads the cached file as it is, under this name. */
  async #upload(
    name: string,
    places: CachePlaces,
    target: string,
    note?: CacheNote,
  ): Promise<RecoveredFile> {
    if (target === name) await noteAsPending(places, this.#clock, note);
    else {
      await this.#place(places.data, target);
      await rm(places.note, { force: true });
    }
    return { name, uploadedAs: target };
  }

  /** `notes/a (recovered 2026-11-22 10.30.00).md`: the folder and the extension stay. */
  async #beside(name: string, taken?: string): Promise<string> {
    const time = new Date(this.#clock.now()).toISOString().slice(0, 19).replace('T', ' ');
    for (let number = 1; ; number += 1) {
      const count = number === 1 ? '' : ` ${number}`;
      const other = withSuffix(name, ` (recovered ${time.replaceAll(':', '.')}${count})`);
      if (other !== taken && !(await exists(this.#placesOf(other).data))) return other;
    }
  }
}

/** What a note says to be here, and what lies beyond its end: a file grows only by writing. */
function sureRanges({ Rs, Size }: CacheNote, size: number): ByteRange[] {
  const grown = size > Size ? [{ Pos: Size, Size: size - Size }] : [];
  return joinRanges([...joinRanges(Rs ?? [], Size), ...grown], size);
}

function withSuffix(name: string, suffix: string): string {
  const slash = name.lastIndexOf('/') + 1;
  const base = name.slice(slash);
  const dot = base.lastIndexOf('.');
  const extension = dot > 0 ? base.slice(dot) : '';
  let stem = dot > 0 ? base.slice(0, dot) : base;
  // File systems end a name at 255 bytes.
  while (Buffer.byteLength(stem + suffix + extension) > 255 && stem !== '')
    stem = stem.slice(0, -1);
  return name.slice(0, slash) + stem + suffix + extension;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
