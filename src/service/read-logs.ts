import { open, readFile, stat } from 'node:fs/promises';
import * as z from 'zod/mini';
import { rotatedFiles } from '../output/log.ts';
import { isErrno } from '../platform/atomic-file.ts';
import type { Clock } from '../platform/clock.ts';

const LogLine = z.looseObject({ time: z.string(), level: z.string(), message: z.string() });
export type LogLine = z.infer<typeof LogLine>;

const LOOK_EVERY_MS = 300;

/** The newest lines of a log and its older files, oldest first. */
export async function lastLines(path: string, limit: number): Promise<LogLine[]> {
  const texts = await Promise.all(rotatedFiles(path).map(textOf));
  return limit === 0 ? [] : texts.flatMap(linesOf).slice(-limit);
}

/** The newest lines, and then each that comes, until `signal` is aborted. */
export async function* followLines(
  path: string,
  limit: number,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<LogLine, void> {
  let { inode, size } = await placeOf(path);
  yield* await lastLines(path, limit);
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    const now = await placeOf(path);
    if (now.inode !== inode) {
      // Rotated: what was added to the old file since the last look comes first.
      const [older = ''] = rotatedFiles(path).slice(-2);
      if ((await placeOf(older)).inode === inode) yield* linesOf((await from(older, size)).text);
      ({ inode } = now);
      size = 0;
    }
    const { text, end } = await from(path, size);
    size = end;
    yield* linesOf(text);
  }
}

async function placeOf(path: string): Promise<{ inode: number; size: number }> {
  try {
    const { ino, size } = await stat(path);
    return { inode: ino, size };
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { inode: 0, size: 0 };
    throw error;
  }
}

/** Whole lines from an offset on; a line that is being written is left for the next look. */
async function from(path: string, offset: number): Promise<{ text: string; end: number }> {
  const nothing = { text: '', end: offset };
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return nothing;
  try {
    const { size } = await file.stat();
    if (size <= offset) return nothing;
    const buffer = Buffer.alloc(size - offset);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    const whole = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
    return { text: buffer.toString('utf8', 0, whole), end: offset + whole };
  } finally {
    await file.close();
  }
}

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  });
}

/** What is no line of ours is left out: a crash may have cut one off. */
function linesOf(text: string): LogLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      return z.safeParse(LogLine, JSON.parse(line)).data ?? [];
    } catch {
      return [];
    }
  });
}
