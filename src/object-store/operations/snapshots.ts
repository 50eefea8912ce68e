import type { Bucket } from '../buckets.ts';
import { S3Error } from '../errors.ts';
import type { Reply, StoreRequest } from '../request.ts';
import { isoDate, stampToVersion, versionToStamp } from '../stamps.ts';
import { S3_NAMESPACE, xmlReply, type Call } from '../store.ts';
import { element, sequence, xmlDocument } from '../xml.ts';

/**
 * The time that `X-Tigris-Snapshot-Version` asks for; undefined without the header.
 * @throws S3Error InvalidArgument when it is no version or the bucket keeps none
 */
export function snapshotStamp(request: StoreRequest, bucket: Bucket): number | undefined {
  const version = request.headers.get('x-tigris-snapshot-version');
  if (version === undefined) return undefined;
  const stamp = versionToStamp(version);
  if (stamp === undefined) {
    throw new S3Error('InvalidArgument', 'The snapshot version is not a time in nanoseconds.');
  }
  if (!bucket.snapshots) {
    throw new S3Error('InvalidArgument', 'Snapshots are not enabled for this bucket.');
  }
  return stamp;
}

/** PUT /bucket with `X-Tigris-Snapshot: true; name=…`: gives the present moment a name. */
export async function createSnapshot(call: Call, name: string): Promise<Reply> {
  const { request, store } = call;
  const header = request.headers.get('x-tigris-snapshot') ?? '';
  const match = /^true\s*(?:;\s*name=(.*))?$/i.exec(header);
  if (match === null) throw new S3Error('InvalidArgument', 'X-Tigris-Snapshot is malformed.');
  const stamp = await store.database.write(() => {
    const bucket = store.buckets.require(name);
    if (!bucket.snapshots) {
      throw new S3Error('InvalidArgument', 'Snapshots are not enabled for this bucket.');
    }
    const at = store.stamps.next();
    store.buckets.insertSnapshot(bucket.id, at, match[1]);
    return at;
  });
  return { status: 200, headers: { 'x-tigris-snapshot-version': stampToVersion(stamp) } };
}

/**
 * GET / with `X-Tigris-Snapshot: <bucket>`: the snapshots of a bucket in the form of a list of
 * buckets, named `<version>; name=<name>` (@tigrisdata/storage 2.x reads it so).
 */
export function listSnapshots(call: Call, name: string): Reply {
  const { store } = call;
  const bucket = store.buckets.require(name);
  const snapshots = store.buckets.snapshots(bucket.id);
  return xmlReply(
    xmlDocument(
      'ListAllMyBucketsResult',
      S3_NAMESPACE,
      element(
        'Buckets',
        sequence(
          snapshots.map(({ stamp, label }) =>
            element(
              'Bucket',
              element(
                'Name',
                stampToVersion(stamp) + (label === undefined ? '' : `; name=${label}`),
              ),
              element('CreationDate', isoDate(stamp)),
            ),
          ),
        ),
      ),
    ),
  );
}
