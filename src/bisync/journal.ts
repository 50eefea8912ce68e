import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { readTextIfExists, writeFileAtomic } from '../platform/atomic-file.ts';

const entrySchema = z.nullable(
  z.object({ size: z.number(), md5: z.string(), etag: z.nullable(z.string()) }),
);

const recordSchema = z.discriminatedUnion('type', [
  /** This content is about to be sent as this object. */
  z.object({ type: z.literal('put'), path: z.string(), size: z.number(), md5: z.string() }),
  /** A temporary file of ours is about to appear in the local root. */
  z.object({ type: z.literal('temporary'), file: z.string() }),
  /** The file at `path` is about to be moved to `aside`. `md5` is what it should be. */
  z.object({ type: z.literal('aside'), path: z.string(), aside: z.string(), md5: z.string() }),
  /** What was moved aside is where it belongs. */
  z.object({ type: z.literal('aside-done'), aside: z.string() }),
  /** Both sides agree on this path; null: it is on neither side. */
  z.object({ type: z.literal('settled'), path: z.string(), entry: entrySchema }),
]);
export type JournalRecord = z.infer<typeof recordSchema>;

/**
 * What a run is about to do and what it has done, on the disk before the deed (write-ahead). It is
 * also the overlay over the baseline: `settled` records are folded in at the end of a run, or by
 * the next one after a crash. Records that come together share one fsync.
 */
export class Journal {
  readonly #file: FileHandle;
  #waiting: string[] = [];
  #flushing: Promise<void> | undefined;
  /** A write failed and may have left a part of a line, which must not swallow the next one. */
  #torn = false;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(pairFolder: string): Promise<Journal> {
    const file = await open(journalPath(pairFolder), 'a', 0o600);
    // A crash may have torn the last line; what follows must not be taken for its end.
    await file.appendFile('\n');
    return new Journal(file);
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
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    try {
      // Lets what is ready in this turn of the event loop come along.
      await new Promise(setImmediate);
      const text = this.#waiting.join('');
      this.#waiting = [];
      if (text !== '') {
        const start = this.#torn ? '\n' : '';
        this.#torn = true;
        await this.#file.appendFile(start + text);
        await this.#file.datasync();
        this.#torn = false;
      }
    } finally {
      this.#flushing = undefined;
    }
  }
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
