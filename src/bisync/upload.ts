import { pipeline, Transform, type Readable } from 'node:stream';
import type { ObjectHead, WriteCondition } from '../s3/client.ts';
import { S3RequestError } from '../s3/errors.ts';
import { OWN_PREFIX } from './filters/own-files.ts';
import { copyStable, type StableCopy } from './local-file.ts';
import { PathProblem } from './problems.ts';
import type { Transfer } from './progress.ts';
import { settle, type RunContext } from './run-context.ts';
import { etagOf, keptEtag, type BaselineEntry } from './versions.ts';

/** How the object stands after a conditional write. */
export type WriteOutcome =
  | { type: 'written'; etag: string }
  /** Somebody else's version is there; it was not touched. */
  | { type: 'differs' };

/**
 * Uploads the present version of a file over the agreed one, or as a new object.
 *
 * @returns `written`; `differs` when another version is in the bucket; `gone` when the file is not
 * there any more
 * @throws PathProblem, S3RequestError
 */
export async function uploadFile(
  run: RunContext,
  path: string,
  replaces: BaselineEntry | null,
): Promise<'written' | 'differs' | 'gone'> {
  if (run.readOnly) throw readOnlyKey(path);
  const source = await run.root.pathOf(path);
  const copy = await copyStable(source, run.copies, run.wait);
  if (copy === undefined) return 'gone';
  try {
    // The copy must not be of a file in another folder that took the place of the root.
    await run.root.check();
    const outcome = await putVersion(run, path, copy, replaces);
    if (outcome.type === 'differs') return 'differs';
    const { size, md5 } = copy;
    const before = replaces ?? run.baseline.get(path) ?? null;
    await settle(run, path, { size, md5, etag: keptEtag(outcome.etag, md5) });
    run.tally.uploaded += 1;
    run.tally.bytesUp += size;
    run.emit({ type: 'uploaded', path, size });
    const after = { size, md5, etag: outcome.etag };
    run.activity.add({ type: 'uploaded', path, before, after });
    return 'written';
  } finally {
    await copy.dispose();
  }
}

const ATTEMPTS = 4;
const RETRY_MS = 250;

/**
 * Writes one version under the condition that the object is still the expected one, or absent for
 * null. A refused or ambiguous PUT is never simply sent again: a HEAD says what is there by now,
 * and only the expected version, or nothing, is written over (invariant 2 of docs/sync.md).
 *
 * @throws S3RequestError when the end stays unknown
 */
export async function putVersion(
  run: RunContext,
  key: string,
  copy: Pick<StableCopy, 'body' | 'md5' | 'size' | 'modifiedMs'>,
  expected: BaselineEntry | null,
): Promise<WriteOutcome> {
  await run.journal.write({ type: 'put', path: key, size: copy.size, md5: copy.md5 });
  const transfer = run.progress.transfer(key, 'up', copy.size);
  let written = false;
  try {
    const outcome = await putUntilKnown(run, key, { ...copy, transfer }, expected);
    written = outcome.type === 'written';
    return outcome;
  } finally {
    transfer.end(written);
  }
}

type Sent = Pick<StableCopy, 'body' | 'md5' | 'size' | 'modifiedMs'> & { transfer: Transfer };

async function putUntilKnown(
  run: RunContext,
  key: string,
  copy: Sent,
  expected: BaselineEntry | null,
): Promise<WriteOutcome> {
  let condition: WriteCondition =
    expected === null ? { ifAbsent: true } : { ifMatch: etagOf(expected) };
  for (let attempt = 1; ; attempt += 1) {
    if (!run.conditions.writes && !(await keepCopyFirst(run, key, expected))) {
      return { type: 'differs' };
    }
    const failure = await tryPut(run, key, copy, condition);
    if (typeof failure === 'string') return { type: 'written', etag: failure };
    const head = await run.s3.head(key, run.signal);
    if (head !== undefined && isVersion(head, { size: copy.size, md5: copy.md5 }))
      return { type: 'written', etag: head.etag };
    if (head === undefined) {
      // Deleted in the bucket while it was edited here: the edit wins.
      condition = { ifAbsent: true };
    } else if (expected !== null && isVersion(head, expected)) {
      // The agreed content under another ETag, as after a multipart upload.
      condition = { ifMatch: head.etag };
    } else return { type: 'differs' };
    if (attempt === ATTEMPTS) throw failure;
    if (failure.ambiguous) await run.wait(RETRY_MS * 2 ** (attempt - 1));
  }
}

/** The new ETag, or why it may not have been written. Any other failure is thrown. */
async function tryPut(
  run: RunContext,
  key: string,
  copy: Sent,
  condition: WriteCondition,
): Promise<string | S3RequestError> {
  const { md5, modifiedMs, transfer } = copy;
  const { signal } = run;
  transfer.again();
  const body = counted(copy.body, transfer);
  const begun = (uploadId: string): Promise<void> =>
    run.journal.write({ type: 'upload', path: key, uploadId });
  try {
    return await run.s3.put({ key, body, md5, modifiedMs, condition, begun, signal });
  } catch (error) {
    if (!(error instanceof S3RequestError)) throw error;
    const { failure, ambiguous } = error;
    if (failure === 'precondition' || failure === 'not-found' || ambiguous) return error;
    throw error;
  }
}

/** A body that tells how much of it has been read to be sent. */
function counted(body: StableCopy['body'], transfer: Transfer): StableCopy['body'] {
  if (!('open' in body)) return body;
  const counts = new Map<number, number>();
  const open = (range?: { start: number; end: number }): Readable => {
    const start = range?.start ?? 0;
    // A part that is sent again counts once.
    transfer.moved(-(counts.get(start) ?? 0));
    counts.set(start, 0);
    const count = new Transform({
      transform: (chunk: Buffer, _encoding, pass) => {
        counts.set(start, (counts.get(start) ?? 0) + chunk.length);
        transfer.moved(chunk.length);
        pass(null, chunk);
      },
    });
    return pipeline(body.open(range), count, ignoreFailure);
  };
  return { open, length: body.length };
}

/** `pipeline` destroys both ends, and whoever reads sees the error. */
function ignoreFailure(): void {
  return;
}

/** Whether the object has this very content; without an MD5, whether it is the agreed object. */
export function isVersion(
  head: ObjectHead,
  version: { size: number; md5: string; etag?: string | null },
): boolean {
  if (head.size !== version.size) return false;
  return head.md5 === null ? head.etag === version.etag : head.md5 === version.md5;
}

/**
 * For a storage that ignores conditions: looks, and keeps what is about to be overwritten under a
 * name of ours in the bucket. A write of another device in the instant after the look can still be
 * overwritten; docs/sync.md says so.
 *
 * @returns false when the object is not the expected one
 */
export async function keepCopyFirst(
  run: RunContext,
  key: string,
  expected: BaselineEntry | null,
): Promise<boolean> {
  const head = await run.s3.head(key, run.signal);
  if (head === undefined) return true;
  if (expected === null || !isVersion(head, expected)) return false;
  await run.s3.copy(key, head.etag, `${OWN_PREFIX}trash/${run.runId}/${key}`, run.signal);
  return true;
}

export function readOnlyKey(path: string): PathProblem {
  return new PathProblem(
    'read-only-key',
    `${path} differs here, but the access key of this machine may only read`,
  );
}
