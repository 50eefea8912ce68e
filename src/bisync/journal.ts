import { open, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod/mini';
import { readTextIfExists, syncFolder, writeFileAtomic } from '../platform/atomic-file.ts';

const versionSchema = z.object({
  ...{ size: z.number(), md5: z.string(), etag: z.nullable(z.string()) },
});

const recordSchema = z.discriminatedUnion('type', [
  /** This content is about to be sent as this object. */
  z.object({ type: z.literal('put'), path: z.string(), size: z.number(), md5: z.string() }),
  /** An upload in parts has begun; nothing is stored until it is completed. */
  z.object({ type: z.literal('upload'), path: z.string(), uploadId: z.string() }),
  /** A temporary file of ours is about to appear in the local root. */
  z.object({ type: z.literal('temporary'), file: z.string() }),
  /**
   * The bucket's version of `path`, complete at `temporary`, is about to get its name as well.
   * `changed` is its ctime before that, in nanoseconds: each name that a file gets or loses changes it.
   */
  z.object({
    ...{ type: z.literal('placing'), path: z.string(), temporary: z.string() },
    ...{ changed: z.string(), entry: versionSchema },
  }),
  /**
   * The file at `path` is about to be moved to `aside`. `md5` is what it should be; `agreed`: that is
   * the agreed version, which may stay in the trash once it has a successor.
   */
  z.object({
    ...{ type: z.literal('aside'), path: z.string(), aside: z.string(), md5: z.string() },
    agreed: z.optional(z.boolean()),
  }),
  /**
   * The file that lies at `aside` is about to be named `to`, an absolute path. `conflict`: as the copy
   * of a conflict, in which somebody else's version keeps the name.
   */
  z.object({
    ...{ type: z.literal('naming'), aside: z.string(), to: z.string() },
    conflict: z.optional(
      z.object({
        ...{ path: z.string(), kept: z.enum(['local', 'cloud']) },
        ...{ copy: z.string(), open: z.boolean() },
      }),
    ),
  }),
  /** What was moved aside is where it belongs. */
  z.object({ type: z.literal('aside-done'), aside: z.string() }),
  /** Both sides agree on this path; null: it is on neither side. */
  z.object({ type: z.literal('settled'), path: z.string(), entry: z.nullable(versionSchema) }),
]);
export type JournalRecord = z.infer<typeof recordSchema>;

/**
 * What a run is about to do and what it has done, on the disk before the deed (write-ahead). It is
 * also the overlay over the baseline: `settled` records are folded in at the end of a run, or by
 * the next one after a crash. Records that come together share one fsync.
 */
export class Journal {
  readonly #path: string;
  /** Opened by the first record: a dry run leaves no file behind. */
  #opened: Promise<FileHandle> | undefined;
  #waiting: string[] = [];
  #flushing: Promise<void> | undefined;
  /** A crash or a failed write may have left a part of a line, which must not swallow the next. */
  #torn = true;

  constructor(pairFolder: string) {
    this.#path = journalPath(pairFolder);
  }

  /** Resolves when the record is on the disk. */
  async write(record: JournalRecord): Promise<void> {
    this.#waiting.push(`${JSON.stringify(record)}\n`);
    // Whoever comes while a flush is under way waits for the one after it.
    if (this.#flushing !== undefined) await this.#flushing;
    this.#flushing ??= this.#flush();
    await this.#flushing;
  }

  async close(): Promise<void> {
    await this.#flushing;
    await (await this.#opened)?.close();
  }

  async #open(): Promise<FileHandle> {
    this.#opened ??= openDurably(this.#path);
    try {
      return await this.#opened;
    } catch (error) {
      this.#opened = undefined;
      throw error;
    }
  }

  async #flush(): Promise<void> {
    try {
      // Lets what is ready in this turn of the event loop come along.
      await new Promise(setImmediate);
      const text = this.#waiting.join('');
      this.#waiting = [];
      if (text !== '') {
        const file = await this.#open();
        const start = this.#torn ? '\n' : '';
        this.#torn = true;
        await file.appendFile(start + text);
        await file.datasync();
        this.#torn = false;
      }
    } finally {
      this.#flushing = undefined;
    }
  }
}

/** Its name must outlive a power cut as its records do. */
async function openDurably(path: string): Promise<FileHandle> {
  const file = await open(path, 'a', 0o600);
  await syncFolder(dirname(path));
  return file;
}

/** The records of a run that did not come to its end; a torn last line is no record. */
export async function readJournal(pairFolder: string): Promise<JournalRecord[]> {
  const text = (await readTextIfExists(journalPath(pairFolder))) ?? '';
  return text.split('\n').flatMap((line): JournalRecord[] => {
    try {
      const parsed = recordSchema.safeParse(JSON.parse(line));
      return parsed.success ? [parsed.data] : [];
    } catch {
      return [];
    }
  });
}

/** Everything in it has been folded in, except for these records. */
export async function restartJournal(
  pairFolder: string,
  records: readonly JournalRecord[],
): Promise<void> {
  const path = journalPath(pairFolder);
  if (records.length === 0) await rm(path, { force: true });
  else await writeFileAtomic(path, records.map((each) => `${JSON.stringify(each)}\n`).join(''));
}

function journalPath(pairFolder: string): string {
  return join(pairFolder, 'journal');
}
