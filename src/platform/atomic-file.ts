import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemClock, type Clock } from './clock.ts';
import { here, type Platform } from './platform.ts';

export interface AtomicWriteOptions {
  /** Permission bits of the new file, set when it is created. Default 0600. */
  mode?: number;
  /** Another temporary name in the same folder, where the usual one would mean something. */
  temporary?: string;
}

/**
 * The one way a file of ours is written: a temporary file in the same folder, fsync, rename over
 * the target, fsync of the folder. A reader and a crash see the old file or the new one, whole.
 * The temporary name is `.<name>.<random>.tmp`, without a second dot where the name has one, so that
 * it keeps a prefix that is never synced. On failure it is removed and the target untouched.
 *
 * @throws the system error (ENOSPC, EACCES, EROFS …) of the step that failed
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array | AsyncIterable<string>,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const mode = options.mode ?? 0o600;
  const folder = dirname(path);
  const hidden = basename(path).startsWith('.') ? basename(path) : `.${basename(path)}`;
  const temporary = options.temporary ?? join(folder, `${hidden}.${uniqueSuffix()}.tmp`);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await replaceFile(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** Twelve hex digits. `wx` refuses a name that is taken, so they need not be unguessable. */
function uniqueSuffix(): string {
  return Math.floor(Math.random() * 2 ** 48)
    .toString(16)
    .padStart(12, '0');
}

export interface ReplaceDeps {
  platform: Pick<Platform, 'holdsOpenFiles'>;
  rename: (from: string, to: string) => Promise<void>;
  clock: Pick<Clock, 'sleep'>;
}

/** Two and a half seconds altogether: a virus scanner has looked by then. */
const PAUSES_MS = [10, 20, 40, 80, 150, 200, 500, 500, 1000];

/**
 * `rename`, with patience on Windows, which refuses it while a reader, an indexer or a virus scanner
 * has either file open; mostly that takes milliseconds.
 *
 * @throws the system error of the last attempt
 */
export async function replaceFile(
  from: string,
  to: string,
  { platform = here, clock = systemClock, ...deps }: Partial<ReplaceDeps> = {},
): Promise<void> {
  const move = deps.rename ?? rename;
  for (const pause of platform.holdsOpenFiles ? PAUSES_MS : []) {
    try {
      await move(from, to);
      return;
    } catch (error) {
      if (!isErrno(error, 'EPERM', 'EACCES', 'EBUSY')) throw error;
    }
    await clock.sleep(pause);
  }
  await move(from, to);
}

/**
 * Makes a rename or an unlink in `folder` durable, where its file system can: some network and FUSE ones
 * refuse the call (fsync(2): EINVAL), and Windows has none. What was done there is done all the same.
 */
export async function syncFolder(
  folder: string,
  { unix }: Pick<Platform, 'unix'> = here,
): Promise<void> {
  if (!unix) return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error;
  } finally {
    await handle.close();
  }
}

/** Creates `path` and its missing parents with mode 0700; tightens it when it was wider. */
export async function ensurePrivateFolder(
  path: string,
  { unix }: Pick<Platform, 'unix'> = here,
): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (unix) await chmod(path, 0o700);
}

/**
 * The text of a file that a person may have written: Windows PowerShell and old editors write UTF-16, or
 * a byte order mark, which is no part of the text.
 */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe
      ? 'utf-16le'
      : first === 0xfe && second === 0xff
        ? 'utf-16be'
        : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

/** The file's text as `decodeText`, or undefined when there is none. Other errors are thrown. */
export async function readTextIfExists(path: string): Promise<string | undefined> {
  try {
    return decodeText(await readFile(path));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Whether `error` is a system error with one of these codes (`'ENOENT'`, `'EEXIST'` …). */
export function isErrno(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    codes.includes(error.code)
  );
}
