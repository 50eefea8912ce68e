import { AwsClient } from 'aws4fetch';
import { BucketHistory } from '../../src/server/storage/bucket-history.ts';
import { createSigner } from '../../src/server/storage/signed-requests.ts';
import type { ListVersions } from '../../src/bisync/undo/earlier-versions.ts';
import { undoRun, type UndoResult } from '../../src/bisync/undo/undo-run.ts';
import { objectsOf, startTestBucket, type Device, type TestBucket } from './devices.ts';

/** A bucket that keeps every version, as the server makes them. */
export async function startVersionedBucket(): Promise<TestBucket> {
  const bucket = await startTestBucket();
  const { accessKeyId, secretAccessKey, endpoint } = bucket.access;
  const client = new AwsClient({ accessKeyId, secretAccessKey, service: 's3', region: 'auto' });
  bucket.access.bucket = 'versioned-1f3a';
  const headers = { 'x-tigris-enable-snapshot': 'true' };
  const made = await client.fetch(`${endpoint}/${bucket.access.bucket}`, {
    method: 'PUT',
    headers,
  });
  if (!made.ok) throw new Error(await made.text());
  return { ...bucket, ...objectsOf(bucket.access) };
}

/** What the server's route answers, without a server. */
export function versionsOf(bucket: Pick<TestBucket, 'access'>): ListVersions {
  const { endpoint, region, bucket: name } = bucket.access;
  const history = new BucketHistory(endpoint, createSigner(bucket.access, 's3', region));
  return async (path) => ({
    versions: (await history.listVersions(name, path)).map((version) => ({
      ...version,
      created_at: new Date(Number(version.version.slice(0, -6))).toISOString(),
      deleted: version.etag === null,
    })),
  });
}

export async function undoOn(
  device: Device,
  bucket: TestBucket,
  more: { run?: string; dryRun?: boolean; listVersions?: ListVersions } = {},
): Promise<UndoResult> {
  const request = {
    access: bucket.access,
    localRoot: device.root,
    listVersions: versionsOf(bucket),
  };
  return undoRun({ ...request, ...more }, device.host);
}
