import { join } from 'node:path';
import * as z from 'zod/mini';
import { readTextIfExists, writeFileAtomic } from '../platform/atomic-file.ts';
import { readActivity, type ActivityRecord } from './activity.ts';
import type { ConflictRecord, MovedAside } from './run-context.ts';
import type { Listing } from './versions.ts';

/** A `bigint` as text. */
const wholeNumber = z.string().check(z.regex(/^-?\d+$/));

const memorySchema = z.object({
  /** Conflicts that wait for a person: both versions are there. */
  openConflicts: z.array(
    z.object({
      path: z.string(),
      kept: z.enum(['local', 'cloud']),
      copy: z.string(),
      open: z.boolean(),
      at: z.string(),
    }),
  ),
  /** What the last run moved into the trash; the next one looks whether it was written to since. */
  asides: z.array(
    z.object({ path: z.string(), aside: z.string(), size: wholeNumber, modified: wholeNumber }),
  ),
  /** When the trash was last looked through, RFC 3339. */
  trashBoundedAt: z.optional(z.string()),
  /** Folders in the root that are disks of their own, by their path in it. */
  disks: z.optional(z.array(z.string())),
});
type Memory = z.infer<typeof memorySchema>;

export type OpenConflict = Memory['openConflicts'][number];

/**
 * What a pair remembers from run to run beside its baseline. Losing it loses no version, and what
 * conflicts are open is told by the activity record then.
 */
export interface PairMemory {
  openConflicts: OpenConflict[];
  asides: MovedAside[];
  /** When the trash was last looked through, RFC 3339. */
  trashBoundedAt?: string | undefined;
  /** Folders in the root that are disks of their own, by their path in it. */
  disks?: readonly string[] | undefined;
}

export async function readMemory(pairFolder: string): Promise<PairMemory> {
  const text = await readTextIfExists(join(pairFolder, 'memory.json'));
  const memory =
    text === undefined ? undefined : memorySchema.safeParse(jsonOrUndefined(text)).data;
  const openConflicts = memory?.openConflicts ?? openOnRecord(await readActivity(pairFolder));
  return {
    openConflicts,
    trashBoundedAt: memory?.trashBoundedAt,
    disks: memory?.disks,
    asides: (memory?.asides ?? []).map(({ path, aside, size, modified }) => ({
      path,
      aside,
      fingerprint: { size: BigInt(size), modified: BigInt(modified) },
    })),
  };
}

/**
 * Conflicts that nobody has ended, as far as the record goes back: by a choice, or by deleting or
 * renaming one of the two files. What the record does not know, the next run sees.
 */
export function openOnRecord(records: readonly ActivityRecord[]): OpenConflict[] {
  const open = new Map<string, OpenConflict>();
  for (const record of records) {
    if (record.type === 'conflict') {
      const { path, copy, kept, at } = record;
      if (record.open) open.set(copy, { path, copy, kept, at, open: true });
      else open.delete(copy);
    } else if (record.type === 'resolved') open.delete(record.copy);
    else if (isDeletion(record)) {
      for (const { path, copy } of open.values()) {
        if (path === record.path || copy === record.path) open.delete(copy);
      }
    }
  }
  return [...open.values()];
}

function isDeletion(
  record: ActivityRecord,
): record is Extract<ActivityRecord, { type: 'deleted-local' | 'deleted-remote' | 'restored' }> {
  const { type } = record;
  if (type === 'restored') return record.after === null;
  return type === 'deleted-local' || type === 'deleted-remote';
}

export async function writeMemory(pairFolder: string, memory: PairMemory): Promise<void> {
  const stored: Memory = {
    openConflicts: memory.openConflicts,
    ...(memory.trashBoundedAt === undefined ? {} : { trashBoundedAt: memory.trashBoundedAt }),
    ...(memory.disks === undefined || memory.disks.length === 0
      ? {}
      : { disks: [...memory.disks] }),
    asides: memory.asides.map(({ path, aside, fingerprint }) => ({
      path,
      aside,
      size: String(fingerprint.size),
      modified: String(fingerprint.modified),
    })),
  };
  const [path, text] = [join(pairFolder, 'memory.json'), `${JSON.stringify(stored)}\n`];
  // Most runs change nothing, and each write waits for the disk.
  if ((await readTextIfExists(path)) !== text) await writeFileAtomic(path, text);
}

/** A conflict is open as long as its copy is there; a person ends it by deleting or renaming one. */
export function stillOpen(
  before: readonly OpenConflict[],
  fresh: readonly ConflictRecord[],
  local: Listing,
  nowMs: number,
): OpenConflict[] {
  const at = new Date(nowMs).toISOString();
  const added = fresh.filter(({ open }) => open).map((record) => ({ ...record, at }));
  const copies = new Set(added.map(({ copy }) => copy));
  const kept = before.filter(
    ({ path, copy }) => !copies.has(copy) && local.has(copy) && local.has(path),
  );
  return [...kept, ...added];
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
