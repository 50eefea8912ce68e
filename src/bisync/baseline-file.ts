import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  isErrno,
  readTextIfExists,
  replaceFile,
  syncFolder,
  writeFileAtomic,
} from '../platform/atomic-file.ts';
import type { Baseline, BaselineEntry } from './versions.ts';

const FORMAT = 'cloud baseline 1';

/** What the file of a pair's baseline says. */
export type StoredBaseline =
  | { state: 'present'; entries: Map<string, BaselineEntry> }
  /** Never synced, or thrown away for a rebuild: the ancestor is empty and nothing is deleted. */
  | { state: 'missing' }
  /** It is there and cannot be trusted. Rebuilt as if missing. */
  | { state: 'damaged' };

/**
 * Reads the baseline: what both sides last agreed on. It is one file, written atomically and closed
 * by a checksum, and the only truth; the listings that rclone compares with are made from it anew
 * before each run, so stale or missing ones cannot bring a deleted file back.
 */
export async function readBaseline(pairFolder: string): Promise<StoredBaseline> {
  const path = join(pairFolder, 'baseline');
  const text = await readTextIfExists(path);
  if (text === undefined) return { state: 'missing' };
  const entries = parseBaseline(text);
  return entries === undefined ? { state: 'damaged' } : { state: 'present', entries };
}

/** Keeps a damaged baseline beside its place, for a look. */
export function setDamagedAside(pairFolder: string): Promise<void> {
  const path = join(pairFolder, 'baseline');
  return replaceFile(path, `${path}.damaged`);
}

export async function writeBaseline(pairFolder: string, baseline: Baseline): Promise<void> {
  const lines = [...baseline].map(([path, { size, md5, etag }]) =>
    JSON.stringify([path, size, md5, etag]),
  );
  const body = `${[FORMAT, ...lines].join('\n')}\n`;
  await writeFileAtomic(join(pairFolder, 'baseline'), `${body}${digest(body)}\n`);
}

/** Sets the baseline aside for `--resync`: from here on the ancestor is empty. */
export async function setBaselineAside(pairFolder: string): Promise<void> {
  const path = join(pairFolder, 'baseline');
  try {
    await replaceFile(path, `${path}.before-resync`);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  await syncFolder(pairFolder);
}

function parseBaseline(text: string): Map<string, BaselineEntry> | undefined {
  const end = text.lastIndexOf('\n', text.length - 2) + 1;
  const body = text.slice(0, end);
  if (text.slice(end) !== `${digest(body)}\n` || !body.startsWith(`${FORMAT}\n`)) return undefined;
  const entries = new Map<string, BaselineEntry>();
  for (const line of body.split('\n').slice(1, -1)) {
    // The checksum says that this is what we wrote; a schema for each of many lines is dear.
    const [path, size, md5, etag] = JSON.parse(line) as [string, number, string, string | null];
    entries.set(path, { size, md5, etag });
  }
  return entries;
}

function digest(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
