import { open, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { appendRotating, rotatedFiles } from '../output/log.ts';
import { isErrno, readTextIfExists } from '../platform/atomic-file.ts';
import { PAIR_STATES } from './states.ts';

const versionSchema = z.nullable(
  z.object({ size: z.number(), md5: z.string(), etag: z.optional(z.nullable(z.string())) }),
);
const common = { at: z.string(), run: z.string() };
const replaced = { path: z.string(), before: versionSchema, after: versionSchema };
const moved = { ...common, ...replaced };
/** `aside`: where the replaced version lies in the trash. */
const aside = z.optional(z.string());

const recordSchema = z.discriminatedUnion('type', [
  z.object({ ...moved, type: z.literal('uploaded') }),
  z.object({ ...moved, type: z.literal('downloaded'), aside }),
  z.object({ ...moved, type: z.literal('deleted-local'), aside }),
  z.object({ ...moved, type: z.literal('deleted-remote') }),
  /**
   * An earlier version was put back here; what went to the bucket is told by a record of its own.
   * `of`: the run that was taken back.
   */
  z.object({ ...moved, type: z.literal('restored'), aside, of: z.optional(z.string()) }),
  /**
   * `copy`: the path of the version that did not keep the name. `reopened`: the choice that had ended
   * it was taken back.
   */
  z.object({
    ...{ ...common, type: z.literal('conflict'), path: z.string(), copy: z.string() },
    ...{ kept: z.enum(['local', 'cloud']), open: z.boolean() },
    reopened: z.optional(z.boolean()),
  }),
  /**
   * A person chose: whose version has the name now. `aside`: where the other one lies in the trash;
   * with `both` it has the name `other`. `changes`: what that did to names here. `conflict`: what
   * was known of it while it was open.
   */
  z.object({
    ...{ ...common, type: z.literal('resolved'), path: z.string(), copy: z.string() },
    ...{ kept: z.enum(['local', 'cloud', 'both']), other: z.nullable(z.string()) },
    ...{ aside, changes: z.optional(z.array(z.object(replaced))) },
    conflict: z.optional(z.object({ kept: z.enum(['local', 'cloud']), open: z.boolean() })),
  }),
  /** The end of a run, after its moves. `error` is the code of what ended it early. */
  z.object({
    ...{ ...common, type: z.literal('run'), command: z.string(), durationMs: z.number() },
    ...{ state: z.enum(PAIR_STATES), exitCode: z.number(), error: z.optional(z.string()) },
    ...{ uploaded: z.number(), downloaded: z.number(), deleted: z.number() },
    ...{ conflicts: z.number(), problems: z.number(), bytes: z.number() },
  }),
]);

/** What happened to one path, or how a run ended; a line of the pair's activity record. */
export type ActivityRecord = z.infer<typeof recordSchema>;
type WithoutCommon<T> = T extends unknown ? Omit<T, 'at' | 'run'> : never;

/**
 * The record of what syncing did, for people to look at and to go back by: which version came in
 * place of which, when, and where the old one lies. Lines of JSON in `activity.jsonl`, appended
 * after the deed and rotated, four files of 5 MiB at most. It is history and no truth: nothing that
 * syncing decides depends on it, and what a full disk or a power cut takes of it is only not told.
 */
export class Activity {
  readonly #path: string;
  readonly #run: string;
  readonly #now: () => number;

  constructor(pairFolder: string, run: string, now: () => number) {
    this.#path = activityPath(pairFolder);
    this.#run = run;
    this.#now = now;
  }

  add(record: WithoutCommon<ActivityRecord>): void {
    const at = new Date(this.#now()).toISOString();
    appendRotating(this.#path, JSON.stringify({ at, run: this.#run, ...record }));
  }
}

/** All that is still on record of a pair, oldest first. */
export async function readActivity(pairFolder: string): Promise<ActivityRecord[]> {
  const texts = await Promise.all(rotatedFiles(activityPath(pairFolder)).map(readTextIfExists));
  return texts.flatMap((text) => (text ?? '').split('\n')).flatMap(parseRecord);
}

export type RunRecord = Extract<ActivityRecord, { type: 'run' }>;

/** A run's end is its last line; this much of the record holds it. */
const TAIL_BYTES = 64 * 1024;

/** The last run on record, without reading all of it. */
export async function readLastRun(pairFolder: string): Promise<RunRecord | undefined> {
  for (const path of rotatedFiles(activityPath(pairFolder)).slice(-2).toReversed()) {
    const lines = (await readTail(path)).split('\n').toReversed();
    const last = lines.flatMap(parseRecord).find((record) => record.type === 'run');
    if (last !== undefined) return last;
  }
  return undefined;
}

/** The end of the record as somebody has read it, over its rotation. */
export class ActivityEnd {
  readonly #folder: string;
  #inode: number;
  #offset: number;

  private constructor(folder: string, { inode, size }: { inode: number; size: number }) {
    this.#folder = folder;
    this.#inode = inode;
    this.#offset = size;
  }

  static async find(pairFolder: string): Promise<ActivityEnd> {
    return new ActivityEnd(pairFolder, await sizeOf(activityPath(pairFolder)));
  }

  /** What was added since the last look. */
  async added(): Promise<ActivityRecord[]> {
    const path = activityPath(this.#folder);
    const { inode, size } = await sizeOf(path);
    if (inode === this.#inode) {
      return size === this.#offset ? [] : this.#parsed(await readFrom(path, this.#offset));
    }
    const previous = await this.#restOfRotated();
    this.#inode = inode;
    this.#offset = 0;
    return [...previous, ...this.#parsed(await readFrom(path, 0))];
  }

  async #restOfRotated(): Promise<ActivityRecord[]> {
    for (const path of rotatedFiles(activityPath(this.#folder))) {
      const { inode } = await sizeOf(path);
      if (inode === this.#inode) return this.#parsed(await readFrom(path, this.#offset));
    }
    return [];
  }

  /** A line that is still being written is left for the next look. */
  #parsed(bytes: Buffer): ActivityRecord[] {
    const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
    this.#offset += whole.length;
    return whole.toString('utf8').split('\n').flatMap(parseRecord);
  }
}

async function sizeOf(path: string): Promise<{ inode: number; size: number }> {
  try {
    const { ino, size } = await stat(path);
    return { inode: ino, size };
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { inode: 0, size: 0 };
    throw error;
  }
}

async function readTail(path: string): Promise<string> {
  const { size } = await sizeOf(path);
  return (await readFrom(path, Math.max(0, size - TAIL_BYTES))).toString('utf8');
}

async function readFrom(path: string, offset: number): Promise<Buffer> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return Buffer.alloc(0);
    throw error;
  }
  try {
    const { size } = await file.stat();
    const length = Math.max(0, size - offset);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function parseRecord(line: string): ActivityRecord[] {
  try {
    const parsed = recordSchema.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}

function activityPath(pairFolder: string): string {
  return join(pairFolder, 'activity.jsonl');
}
