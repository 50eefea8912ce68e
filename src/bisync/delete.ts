import { lstat, readdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isErrno, syncFolder } from '../platform/atomic-file.ts';
import { S3RequestError } from '../s3/errors.ts';
import { moveAside } from './aside.ts';
import { hashStable } from './local-file.ts';
import { PathProblem } from './problems.ts';
import { settle, type RunContext } from './run-context.ts';
import { isVersion, keepCopyFirst, readOnlyKey } from './upload.ts';
import { etagOf, type BaselineEntry } from './versions.ts';

/**
 * Moves a file into the trash because it was deleted in the bucket, if it still is the agreed
 * version. Folders that this empties go as well.
 *
 * @returns `kept` when it was edited meanwhile, or is in the bucket after all: the next run sees to it
 */
export async function deleteLocal(
  run: RunContext,
  path: string,
  agreed: BaselineEntry,
): Promise<'deleted' | 'kept'> {
  const target = await run.root.pathOf(path);
  const local = await hashStable(target, run.wait);
  if (local !== undefined) {
    if (local.md5 !== agreed.md5) return 'kept';
    // The listing may have been older than the object, or somebody has put it there again.
    if ((await run.s3.head(path, run.signal)) !== undefined) return 'kept';
    const aside = await moveAside(run, path, target, local);
    if (aside === undefined) return 'kept';
    await syncFolder(dirname(target));
    await run.journal.write({ type: 'aside-done', aside });
    await removeEmptied(run.pair.root, dirname(target));
    run.tally.deletedLocal += 1;
    run.emit({ type: 'deleted', path, side: 'local' });
    run.activity.add({ type: 'deleted-local', path, before: agreed, after: null, aside });
  }
  await settle(run, path, null);
  return 'deleted';
}

/** `rmdir` refuses a folder that is not empty, so nothing that appeared meanwhile is touched. */
export async function removeEmptied(root: string, folder: string): Promise<void> {
  for (let each = folder; each !== root && each.startsWith(root); each = dirname(each)) {
    try {
      if ((await readdir(each)).length > 0) return;
      await rmdir(each);
    } catch (error) {
      if (isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'EACCES', 'EPERM', 'EBUSY')) return;
      throw error;
    }
  }
}

const ATTEMPTS = 3;
const RETRY_MS = 250;

/**
 * Deletes an object because its file was deleted here, if it still is the agreed version and the
 * file is still gone.
 *
 * @returns `kept` when either side has a version by now: it wins, in the next run
 * @throws S3RequestError when the end stays unknown
 */
export async function deleteRemote(
  run: RunContext,
  path: string,
  agreed: BaselineEntry,
): Promise<'deleted' | 'kept'> {
  if (run.readOnly) throw readOnlyKey(path);
  if (await isFile(run, path)) return 'kept';
  // After the look: in a folder that took the place of the root nothing would be found.
  await run.root.check();
  let etag = etagOf(agreed);
  for (let attempt = 1; ; attempt += 1) {
    if (!run.conditions.deletes && !(await keepCopyFirst(run, path, agreed))) return 'kept';
    const failure = await tryDelete(run, path, etag);
    if (failure === undefined) break;
    const head = await run.s3.head(path, run.signal);
    if (head === undefined) break;
    if (!isVersion(head, agreed)) return 'kept';
    etag = head.etag;
    if (attempt === ATTEMPTS) throw failure;
    if (failure.ambiguous) await run.wait(RETRY_MS * 2 ** (attempt - 1));
  }
  await settle(run, path, null);
  run.tally.deletedRemote += 1;
  run.emit({ type: 'deleted', path, side: 'remote' });
  run.activity.add({ type: 'deleted-remote', path, before: agreed, after: null });
  return 'deleted';
}

async function tryDelete(
  run: RunContext,
  path: string,
  etag: string,
): Promise<S3RequestError | undefined> {
  try {
    // Without conditions a copy is kept first; some storages refuse a delete that has one.
    await run.s3.delete(path, run.conditions.deletes ? etag : undefined, run.signal);
    return undefined;
  } catch (error) {
    if (!(error instanceof S3RequestError)) throw error;
    const { failure, ambiguous } = error;
    if (failure === 'precondition' || failure === 'not-found' || ambiguous) return error;
    throw error;
  }
}

/** A folder at the path, or a file where its folder was, is not what was deleted. */
async function isFile(run: RunContext, path: string): Promise<boolean> {
  try {
    return (await lstat(await run.root.pathOf(path))).isFile();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    if (error instanceof PathProblem && error.reason === 'blocked') return false;
    throw error;
  }
}
