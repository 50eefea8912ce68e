import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import type { S3Client, WriteCondition } from '../s3/client.ts';
import { isS3Failure } from '../s3/errors.ts';
import { ACCESS_CONTENT, ACCESS_FILE, OWN_PREFIX } from './filters.ts';
import { writeMarker, writeRecord, type Pair, type PairRecord } from './pair.ts';

/**
 * Makes a folder and a bucket a pair, or one again after `--resync`: the marker, the check file on
 * both sides, and what is known of the storage. Doing it twice changes nothing.
 */
export async function preparePair(
  pair: Pair,
  s3: S3Client,
  options: { endpoint: string; readOnly: boolean; now: number },
): Promise<NonNullable<PairRecord['conditions']>> {
  const conditions = options.readOnly
    ? { writes: true, deletes: true }
    : await probeConditions(s3, options.now);
  if (!options.readOnly) {
    await putText(s3, ACCESS_FILE, ACCESS_CONTENT, { ifAbsent: true }, options.now);
  }
  await writeFileAtomic(join(pair.root, ACCESS_FILE), ACCESS_CONTENT, { mode: 0o644 });
  const record = { endpoint: options.endpoint, ...conditions };
  await writeRecord(pair, record);
  // Last: with the marker in place the pair counts as set up.
  await writeMarker(pair);
  return record;
}

/** Whether the storage refuses writes and deletes whose condition does not hold. */
export async function probeConditions(
  s3: S3Client,
  now: number,
): Promise<{ writes: boolean; deletes: boolean }> {
  const key = `${OWN_PREFIX}probe-${randomBytes(6).toString('hex')}`;
  const wrong = `"${'0'.repeat(32)}"`;
  await putText(s3, key, 'one', { ifAbsent: true }, now);
  const clobbered = await putText(s3, key, 'two', { ifAbsent: true }, now);
  const mismatched = await putText(s3, key, 'three', { ifMatch: wrong }, now);
  const deletes = !(await deletesAnyway(s3, key, wrong));
  const head = await s3.head(key);
  if (head !== undefined) await s3.delete(key, head.etag);
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

/** Whether a delete went through although its condition did not hold. */
async function deletesAnyway(s3: S3Client, key: string, etag: string): Promise<boolean> {
  try {
    await s3.delete(key, etag);
    return true;
  } catch (error) {
    if (isS3Failure(error, 'precondition')) return false;
    throw error;
  }
}
