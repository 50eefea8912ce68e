import * as z from 'zod/mini';
import { notImplemented, S3Error } from '../errors.ts';
import { parseConfiguration, type NotificationConfiguration } from '../notifications.ts';
import type { Reply } from '../request.ts';
import { bucketOf, type Call } from '../store.ts';
import { receiveUpload } from '../upload-body.ts';
import { readRegions, readRetention } from './buckets.ts';

const softDelete = z.union([
  z.object({ enabled: z.literal(true), retention_days: z.number() }),
  z.object({ enabled: z.literal(false) }),
]);
const patchSchema = z.strictObject({
  object_notifications: z.optional(z.unknown()),
  soft_delete: z.optional(softDelete),
  object_regions: z.optional(z.string()),
});

/**
 * PATCH /bucket with JSON: Tigris's settings of a bucket (@tigrisdata/storage sends them so).
 * Only what is named changes. A setting that is not here is refused, and then nothing changes.
 */
export async function updateBucket(call: Call): Promise<Reply> {
  const { store } = call;
  const name = bucketOf(call, 's3:PutBucketNotification');
  store.buckets.require(name);
  const patch = await readPatch(call);
  const notifications =
    patch.object_notifications === undefined
      ? undefined
      : parseConfiguration(patch.object_notifications);
  const days =
    patch.soft_delete?.enabled === true
      ? readRetention(patch.soft_delete.retention_days)
      : undefined;
  const regions =
    patch.object_regions === undefined ? undefined : readRegions(patch.object_regions);
  await store.database.write(() => {
    const { id } = store.buckets.require(name);
    if (patch.object_notifications !== undefined) {
      store.buckets.setNotifications(id, notifications && JSON.stringify(notifications));
    }
    if (patch.soft_delete !== undefined) store.buckets.setSoftDelete(id, days);
    if (regions !== undefined) store.buckets.setRegions(id, regions);
  });
  return json({ status: 'success' });
}

/**
 * GET /bucket?metadata: the settings as Tigris tells them. Secrets of the webhook are left out:
 * who may read settings need not be who may forge deliveries.
 */
export function getBucketInfo(call: Call): Reply {
  const { store } = call;
  const bucket = store.buckets.require(bucketOf(call, 's3:GetBucketNotification'));
  const { count, size } = store.objects.usage(bucket.id);
  const notifications =
    bucket.notifications === undefined
      ? undefined
      : { ...(JSON.parse(bucket.notifications) as NotificationConfiguration), auth: undefined };
  return json({
    name: bucket.name,
    object_regions: bucket.regions === 'global' ? '' : bucket.regions,
    type: bucket.snapshots ? 1 : 0,
    soft_delete:
      bucket.softDeleteDays === undefined
        ? { enabled: false }
        : { enabled: true, retention_days: bucket.softDeleteDays },
    object_notifications: notifications,
    estimated_unique_rows: count,
    estimated_size: size,
  });
}

async function readPatch(call: Call): Promise<z.infer<typeof patchSchema>> {
  const body = await receiveUpload(call);
  if ('file' in body.content) {
    await call.store.bodies.discard(body);
    throw new S3Error('EntityTooLarge', 'The settings of a bucket are a small JSON document.');
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body.content).toString('utf8'));
  } catch {
    throw new S3Error('InvalidArgument', 'The body is not valid JSON.');
  }
  const parsed = patchSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const unknown = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys : [],
  );
  if (unknown.length > 0) throw notImplemented(`bucket setting ${unknown.join(', ')}`);
  throw new S3Error('InvalidArgument', z.prettifyError(parsed.error));
}

function json(body: unknown): Reply {
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
}
