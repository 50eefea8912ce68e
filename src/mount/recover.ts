import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod/mini';
import { isErrno, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Clock } from '../platform/clock.ts';
import { REMOTE, type Vfs } from './vfs.ts';

/** A cached file whose note was lost. */
export interface RecoveredFile {
  name: string;
  /** The name under which it is uploaded; undefined when the bucket has this very content. */
  uploadedAs: string | undefined;
}

/** rclone's note about a cached file (vfscache/item.go): which ranges of it are on this disk. */
const Note = z.looseObject({
  Size: z.number(),
  Rs: z.nullable(z.array(z.object({ Pos: z.number(), Size: z.number() }))),
  Dirty: z.boolean(),
});
type Note = z.infer<typeof Note>;

/** - `behind`: written to after the note; - `lost`: missing or half-written */
type NoteState = 'sound' | 'behind' | 'lost';

/**
 * Makes good what a kill or a power cut did to rclone's notes about its cached files, which it
 * rewrites in place. A note that is `lost` makes the next rclone delete the cached file, uploaded
 * or not (1.75: `removed cache file as failed to load metadata`); one that is `behind` makes it
 * fetch the object's old content over what was written last. No rclone may be serving this cache.
 *
 * A file without a note is uploaded under its own name where the bucket has none of it, and
 * otherwise beside the object there, because nobody can tell which of them is newer.
 *
 * @returns what had no note
 * @throws RcError when the bucket cannot be asked; nothing is lost then
 */
export async function recoverCache(
  vfs: Pick<Vfs, 'md5'>,
  { cache, bucket, clock }: { cache: string; bucket: string; clock: Clock },
): Promise<RecoveredFile[]> {
  const recovered: RecoveredFile[] = [];
  for (const { name, state } of await unsoundFiles(cache, bucket)) {
    const from = placesOf(cache, bucket, name);
    if (state === 'behind') {
      await bringUpToDate(from);
      continue;
    }
    const uploadedAs = await nameFor(vfs, name, from.data, clock);
    if (uploadedAs === undefined) {
      await rm(from.data, { force: true });
    } else {
      const to = placesOf(cache, bucket, uploadedAs);
      await noteAsPending(from.data, to.note, clock);
      if (to.data !== from.data) await rename(from.data, to.data);
    }
    if (uploadedAs !== name) await rm(from.note, { force: true });
    recovered.push({ name, uploadedAs });
  }
  return recovered;
}

/** The cached files of a bucket whose note is not as it should be. */
export async function unsoundFiles(
  cache: string,
  bucket: string,
): Promise<{ name: string; state: NoteState }[]> {
  const root = join(cache, 'vfs', REMOTE, bucket);
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(
    (error: unknown) => {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    },
  );
  const found: { name: string; state: NoteState }[] = [];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const name = relative(root, join(entry.parentPath, entry.name));
    const state = await stateOf(placesOf(cache, bucket, name));
    if (state !== 'sound') found.push({ name, state });
  }
  return found;
}

interface CachePlaces {
  data: string;
  note: string;
}

function placesOf(cache: string, bucket: string, name: string): CachePlaces {
  return {
    data: join(cache, 'vfs', REMOTE, bucket, name),
    note: join(cache, 'vfsMeta', REMOTE, bucket, name),
  };
}

async function stateOf({ data, note }: CachePlaces): Promise<NoteState> {
  const read = await readNote(note);
  if (read === undefined) return 'lost';
  return read.Dirty && read.Size !== (await stat(data)).size ? 'behind' : 'sound';
}

async function readNote(path: string): Promise<Note | undefined> {
  try {
    const read = Note.safeParse(JSON.parse(await readFile(path, 'utf8')));
    return read.success ? read.data : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** A file grows only by writing, so whatever lies behind its noted end was written here. */
async function bringUpToDate({ data, note }: CachePlaces): Promise<void> {
  const read = await readNote(note);
  if (read === undefined) return;
  const { size } = await stat(data);
  const kept = (read.Rs ?? []).flatMap(({ Pos, Size }) => {
    const length = Math.min(Pos + Size, size, read.Size) - Pos;
    return length > 0 ? [{ Pos, Size: length }] : [];
  });
  const grown = size > read.Size ? [{ Pos: read.Size, Size: size - read.Size }] : [];
  // rclone keeps ranges that touch as one.
  const last = kept.at(-1);
  if (last !== undefined && grown[0]?.Pos === last.Pos + last.Size) {
    last.Size += grown[0].Size;
    grown.pop();
  }
  await writeFileAtomic(note, JSON.stringify({ ...read, Size: size, Rs: [...kept, ...grown] }));
}

async function nameFor(
  vfs: Pick<Vfs, 'md5'>,
  name: string,
  path: string,
  clock: Clock,
): Promise<string | undefined> {
  const { size, blocks } = await stat(path);
  const object = await vfs.md5(name);
  // Holes: rclone had fetched parts of it only. It is no whole version of the file then.
  const whole = blocks * 512 >= size || size < 4096;
  if (object === undefined) return whole ? name : beside(name, clock);
  if (size === 0 || (whole && object.md5 === (await md5Of(path)))) return undefined;
  return beside(name, clock);
}

/** `notes/a (recovered 2026-11-22 10.30.00).md`: the folder and the extension stay. */
function beside(name: string, clock: Clock): string {
  const slash = name.lastIndexOf('/') + 1;
  const base = name.slice(slash);
  const dot = base.lastIndexOf('.');
  const extension = dot > 0 ? base.slice(dot) : '';
  let stem = dot > 0 ? base.slice(0, dot) : base;
  const time = new Date(clock.now()).toISOString().slice(0, 19).replace('T', ' ');
  const suffix = ` (recovered ${time.replaceAll(':', '.')})${extension}`;
  // File systems end a name at 255 bytes.
  while (Buffer.byteLength(stem + suffix) > 255 && stem !== '') stem = stem.slice(0, -1);
  return name.slice(0, slash) + stem + suffix;
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** The note of vfscache/item.go: all of the file is here, and none of it in the bucket. */
async function noteAsPending(data: string, note: string, clock: Clock): Promise<void> {
  const { size, mtime } = await stat(data);
  const info = {
    ModTime: mtime.toISOString(),
    ATime: new Date(clock.now()).toISOString(),
    Size: size,
    Rs: size === 0 ? [] : [{ Pos: 0, Size: size }],
    Fingerprint: '',
    Dirty: true,
  };
  await mkdir(dirname(note), { recursive: true, mode: 0o700 });
  await writeFileAtomic(note, JSON.stringify(info));
}
