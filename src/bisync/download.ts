import { createHash } from 'node:crypto';
import { chmod, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../platform/atomic-file.ts';
import { isS3Failure, S3RequestError } from '../s3/errors.ts';
import { moveAside, putBack } from './aside.ts';
import {
  addName,
  fingerprintOf,
  hashStable,
  isOneFile,
  regularFileAt,
  temporaryBeside,
} from './local-file.ts';
import { PathProblem } from './problems.ts';
import { settle, type RunContext } from './run-context.ts';
import { isExactName } from './safe-path.ts';
import { etagOf, keptEtag, type BaselineEntry } from './versions.ts';

/** A verified version of the bucket in a temporary file beside its place. */
export interface Fetched {
  temporary: string;
  target: string;
  entry: BaselineEntry;
  modifiedMs: number;
}

/**
 * `differs`: this side has a version of its own, which was not touched. `known`: the bucket has the
 * agreed version, so there was nothing to bring.
 */
export type PlaceOutcome = 'placed' | 'differs' | 'gone' | 'known';

/**
 * Brings the bucket's present version to this side, over the agreed version or to a new path.
 *
 * @throws PathProblem, S3RequestError
 */
export async function downloadFile(
  run: RunContext,
  path: string,
  replaces: BaselineEntry | null,
): Promise<PlaceOutcome> {
  const fetched = await fetchVersion(run, path, replaces);
  if (fetched === undefined) return 'gone';
  if (fetched === 'known') return 'known';
  try {
    const outcome =
      replaces === null
        ? await placeFetched(run, path, fetched)
        : await replaceLocal(run, path, fetched, replaces);
    return outcome === 'equal' ? 'placed' : outcome;
  } finally {
    await rm(fetched.temporary, { force: true });
  }
}

const ATTEMPTS = 3;
const RETRY_MS = 250;

/**
 * Downloads into a temporary file in the folder of the target, verifies and syncs it. Undefined
 * when the object is gone. The caller removes the file.
 */
export async function fetchVersion(run: RunContext, path: string): Promise<Fetched | undefined>;
/** `known`: the bucket has that very version. */
export async function fetchVersion(
  run: RunContext,
  path: string,
  known: BaselineEntry | null,
): Promise<Fetched | 'known' | undefined>;
export async function fetchVersion(
  run: RunContext,
  path: string,
  known: BaselineEntry | null = null,
): Promise<Fetched | 'known' | undefined> {
  const target = await run.root.pathOf(path, { createFolders: true });
  const temporary = temporaryBeside(target);
  await run.journal.write({ type: 'temporary', file: temporary });
  const fetched = await fetchInto(run, path, temporary, { known });
  return typeof fetched === 'object' ? { temporary, target, ...fetched } : fetched;
}

interface WantedObject {
  /** Nothing has to be brought if the object is this very version. */
  known?: BaselineEntry | null;
  /** As the bucket was then, in nanoseconds since the epoch. */
  at?: string | undefined;
}

/**
 * Downloads an object into a file that does not exist yet, verifies and syncs it. Undefined, with no
 * file, when there is no such object.
 *
 * @throws S3RequestError
 */
export async function fetchInto(
  run: RunContext,
  key: string,
  temporary: string,
  wanted: WantedObject,
): Promise<{ entry: BaselineEntry; modifiedMs: number } | 'known' | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await fetchOnce(run, key, temporary, wanted);
    } catch (error) {
      await rm(temporary, { force: true });
      if (isS3Failure(error, 'not-found')) return undefined;
      if (attempt === ATTEMPTS || !isS3Failure(error, 'network')) throw error;
      await run.wait(RETRY_MS * 2 ** (attempt - 1));
    }
  }
}

async function fetchOnce(
  run: RunContext,
  key: string,
  temporary: string,
  { known = null, at }: WantedObject,
): Promise<{ entry: BaselineEntry; modifiedMs: number } | 'known'> {
  const { head, body } = await run.s3.get(key, run.signal, at);
  if (known !== null && head.etag === etagOf(known)) {
    // Told of by an event that came late, or put back since the listing.
    body.destroy();
    return 'known';
  }
  const transfer = run.progress.transfer(key, 'down', head.size);
  let whole = false;
  const file = await open(temporary, 'wx', 0o666);
  try {
    const hash = createHash('md5');
    let size = 0;
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        hash.update(chunk);
        size += chunk.length;
        await file.appendFile(chunk);
        transfer.moved(chunk.length);
      }
    } catch (error) {
      run.signal?.throwIfAborted();
      if (error instanceof Error && 'syscall' in error && error.syscall === 'write') throw error;
      throw new S3RequestError('network', `GET ${key}: the connection was cut`, { cause: error });
    }
    const md5 = hash.digest('hex');
    if (size !== head.size || (head.md5 !== null && head.md5 !== md5)) {
      throw new S3RequestError('network', `GET ${key}: what arrived is not what is stored`);
    }
    const modified = head.modifiedMs / 1000;
    await file.utimes(modified, modified);
    await file.sync();
    const entry = { size, md5, etag: keptEtag(head.etag, md5) };
    whole = true;
    return { entry, modifiedMs: head.modifiedMs };
  } finally {
    body.destroy();
    transfer.end(whole);
    await file.close();
  }
}

/**
 * Gives the fetched version its name if nothing has that name. What appeared there meanwhile stays.
 * `replaced` is what had the name until now, for the record. The caller removes the temporary name:
 * as long as it is there, a crash before the version is settled shows whether it had its name.
 *
 * @throws PathProblem `name-collision`
 */
export async function placeFetched(
  run: RunContext,
  path: string,
  fetched: Fetched,
  replaced?: { version: BaselineEntry; aside: string },
): Promise<'placed' | 'equal' | 'differs'> {
  const { target, temporary, entry } = fetched;
  await notePlacing(run, path, fetched);
  if (await addName(temporary, target)) {
    const before = replaced?.version ?? run.baseline.get(path) ?? null;
    // The name must be on the disk before the baseline says so, or a power cut looks like a delete.
    await syncFolder(dirname(target));
    await settle(run, path, entry);
    noteDownload(run, path, { before, after: entry, aside: replaced?.aside });
    return 'placed';
  }
  if (!(await isExactName(target))) {
    throw new PathProblem(
      'name-collision',
      `${path} would overwrite a file whose name this file system takes for the same`,
    );
  }
  const local = await hashStable(target, run.wait);
  if (local === undefined) return 'differs';
  if (local.md5 !== entry.md5) return 'differs';
  await settle(run, path, entry);
  return 'equal';
}

async function notePlacing(
  run: RunContext,
  path: string,
  { temporary, entry }: Fetched,
): Promise<void> {
  const before = await fingerprintOf(temporary);
  if (before === undefined) return;
  const changed = String(before.changed);
  await run.journal.write({ type: 'placing', path, temporary, changed, entry });
}

function noteDownload(
  run: RunContext,
  path: string,
  moved: { before: BaselineEntry | null; after: BaselineEntry; aside: string | undefined },
): void {
  const { before, after, aside } = moved;
  const { size } = after;
  run.tally.downloaded += 1;
  run.tally.bytesDown += size;
  run.emit({ type: 'downloaded', path, size });
  run.activity.add({ type: 'downloaded', path, before, after, ...(aside && { aside }) });
}

/** Invariant 3 of docs/sync.md: the present file goes to the trash, and only if it is the agreed one. */
async function replaceLocal(
  run: RunContext,
  path: string,
  fetched: Fetched,
  agreed: BaselineEntry,
): Promise<'placed' | 'equal' | 'differs'> {
  const { target, temporary, entry } = fetched;
  const local = await hashStable(target, run.wait);
  if (local === undefined) return placeFetched(run, path, fetched);
  if (local.md5 === entry.md5) {
    await settle(run, path, entry);
    return 'equal';
  }
  if (local.md5 !== agreed.md5) return 'differs';
  const aside = await moveAside(run, path, target, local);
  if (aside === undefined) return 'differs';
  try {
    await chmod(temporary, local.mode);
    const outcome = await placeFetched(run, path, fetched, { version: agreed, aside });
    await run.journal.write({ type: 'aside-done', aside });
    return outcome;
  } catch (error) {
    // With its successor in place it may stay in the trash, whatever could not be written down.
    if (!(await hasItsName(fetched))) await putBack(run, path, target, aside);
    throw error;
  }
}

/** Both are names of one file; or, where a file has but one, the temporary one is gone. */
async function hasItsName({ temporary, target }: Fetched): Promise<boolean> {
  const [ours, named] = [await regularFileAt(temporary), await regularFileAt(target)];
  return ours === undefined || (named !== undefined && isOneFile(ours, named));
}
