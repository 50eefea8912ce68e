import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import type { S3Client, WriteCondition } from '../s3/client.ts';
import { isS3Failure } from '../s3/errors.ts';
import { ACCESS_CONTENT, ACCESS_FILE, OWN_PREFIX } from './filters/own-files.ts';
import { setBaselineAside } from './baseline-file.ts';
import { readJournal, restartJournal } from './journal.ts';
import { checkMarker, readMarker, writeMarker } from './marker.ts';
import { readRecord, removeRecord, writeRecord, type Pair } from './pair.ts';
import type { BisyncOptions } from './options.ts';

export interface Ready {
  /** False only in a dry run of a folder that was never synced. */
  prepared: boolean;
  conditions: Conditions;
}

interface Conditions {
  writes: boolean;
  deletes: boolean;
}

/**
 * Checks that the folder is the pair's, and sets a new pair up, or a known one anew on `--resync`.
 * A dry run sets nothing up.
 *
 * @throws AbortError `halted-marker-missing` (78)
 */
export async function makeReady(
  options: Pick<BisyncOptions, 'access' | 'dryRun' | 'resync'>,
  pair: Pair,
  around: { s3: S3Client; now: number },
): Promise<Ready> {
  const { permission } = options.access;
  const endpoint = withoutSpelling(options.access.endpoint);
  const record = await readRecord(pair.folder);
  if (options.resync !== true) await checkMarker(pair, record);
  if (options.dryRun === true) {
    const conditions = record?.conditions ?? { writes: true, deletes: true };
    return { prepared: record !== undefined, conditions };
  }
  const before = options.resync === true ? undefined : record;
  const known = before?.conditions;
  if (known !== undefined && withoutSpelling(known.endpoint) === endpoint) {
    return { prepared: true, conditions: known };
  }
  const readOnly = permission === 'ro';
  if (before !== undefined && readOnly) {
    return { prepared: true, conditions: { writes: true, deletes: true } };
  }
  const probed = readOnly
    ? undefined
    : { endpoint, ...(await probeConditions(around.s3, around.now)) };
  // Never for a known pair: a check file that is made here would vouch for a wrong bucket.
  const mark = before?.mark ?? (await setUp(pair, around, { readOnly }));
  // A key that may only read cannot find out and need not; the first that may write will.
  await writeRecord(pair, { mark, conditions: probed });
  return { prepared: true, conditions: probed ?? { writes: true, deletes: true } };
}

/**
 * Makes a folder and a bucket a pair: the check file on both sides, and the marker. A marker of this
 * pair stays as it is: another machine may sync this very disk too.
 *
 * @returns the marker's `mark`
 */
async function setUp(
  pair: Pair,
  { s3, now }: { s3: S3Client; now: number },
  { readOnly }: { readOnly: boolean },
): Promise<string> {
  if (!readOnly) await placeAccessFile(s3, now);
  await writeFileAtomic(join(pair.root, ACCESS_FILE), ACCESS_CONTENT, { mode: 0o644 });
  await forgetWhatWasAgreed(pair);
  // Or a run that is cut off here would leave a record of another folder, and the next one would stop.
  await removeRecord(pair);
  const marker = await readMarker(pair.root);
  if (marker?.pair === pair.id && marker.mark !== undefined) return marker.mark;
  const mark = randomBytes(6).toString('hex');
  // After the baseline is gone, or a run that is cut off here would delete by it in a folder that is
  // not the one it was made in; before the record, or this pair would count as known without it.
  await writeMarker({ ...pair, mark });
  return mark;
}

/** Puts the check file into the bucket, unless there is one. @throws S3RequestError */
export async function placeAccessFile(s3: S3Client, now: number): Promise<void> {
  await putText(s3, ACCESS_FILE, ACCESS_CONTENT, { ifAbsent: true }, now);
}

/** For `--resync`. Of the journal what belongs into the folder, or out of it, is kept. */
async function forgetWhatWasAgreed(pair: Pair): Promise<void> {
  const kept = (await readJournal(pair.folder)).filter(
    ({ type }) => type === 'temporary' || type === 'aside' || type === 'aside-done',
  );
  await restartJournal(pair.folder, kept);
  await setBaselineAside(pair.folder);
}

/** `http://host:80/` and `http://HOST` are one endpoint. */
function withoutSpelling(endpoint: string): string {
  return URL.canParse(endpoint) ? new URL(endpoint).href.replace(/\/+$/, '') : endpoint;
}

/** Whether the storage refuses writes and deletes whose condition does not hold. */
async function probeConditions(s3: S3Client, now: number): Promise<Conditions> {
  const key = `${OWN_PREFIX}probe-${randomBytes(6).toString('hex')}`;
  const wrong = `"${'0'.repeat(32)}"`;
  await putText(s3, key, 'one', { ifAbsent: true }, now);
  const clobbered = await putText(s3, key, 'two', { ifAbsent: true }, now);
  const mismatched = await putText(s3, key, 'three', { ifMatch: wrong }, now);
  const deletes = !(await deletesAnyway(s3, key, wrong));
  const head = await s3.head(key);
  if (head !== undefined) await s3.delete(key, deletes ? head.etag : undefined);
  return { writes: !clobbered && !mismatched, deletes };
}

/** Whether it was written; false when the condition refused it. */
async function putText(
  s3: S3Client,
  key: string,
  text: string,
  condition: WriteCondition,
  modifiedMs: number,
): Promise<boolean> {
  const body = Buffer.from(text);
  const md5 = createHash('md5').update(body).digest('hex');
  try {
    await s3.put({ key, body, md5, modifiedMs, condition });
    return true;
  } catch (error) {
    if (isS3Failure(error, 'precondition')) return false;
    throw error;
  }
}

/** Whether a delete went through although its condition did not hold, or no condition is known. */
async function deletesAnyway(s3: S3Client, key: string, etag: string): Promise<boolean> {
  try {
    await s3.delete(key, etag);
    return true;
  } catch (error) {
    if (isS3Failure(error, 'precondition')) return false;
    if (isS3Failure(error, 'server') && error.status === 501) return true;
    throw error;
  }
}
