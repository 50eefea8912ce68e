import { createHash, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { ObjectChange, TigrisDelivery } from '../../api/contract/events.ts';
import type { Database } from '../db/sqlite.ts';
import { HttpProblem } from '../errors.ts';
import type { EventBus } from './event-bus.ts';
import type { NewEvent } from './event-log.ts';

/**
 * The token that a bucket's notifications carry: derived from the server's key and the tenant's id,
 * so that it is stored nowhere here and the same after a restart.
 */
export function webhookToken(masterKey: Buffer, tenantId: string): string {
  const info = `cloud webhook token ${tenantId}`;
  return Buffer.from(hkdfSync('sha256', masterKey, '', info, 32)).toString('base64url');
}

/**
 * Compares in constant time and asks no table: of a tenant that does not exist and of a wrong token
 * an outsider learns the same.
 *
 * @throws HttpProblem 401 `token-invalid`
 */
export function checkWebhookToken(expected: string, header: string | undefined): void {
  const given = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? '';
  if (timingSafeEqual(digest(given), digest(expected))) return;
  throw new HttpProblem(401, 'token-invalid', 'The token is not the one of this webhook.', {
    headers: { 'www-authenticate': 'Bearer realm="cloud-webhook"' },
  });
}

const CHANGES: ReadonlyMap<string, ObjectChange> = new Map(
  Object.entries({
    OBJECT_CREATED_PUT: 'put',
    OBJECT_CREATED_MULTIPART: 'multipart',
    OBJECT_CREATED_COPY: 'copy',
    OBJECT_DELETED: 'delete',
    OBJECT_RENAME: 'rename',
    OBJECT_TRANSITIONED: 'transition',
  } as const),
);

/**
 * Publishes what the storage says has changed. Tigris delivers at least once and in no order, so
 * what was delivered before is left out.
 *
 * @returns names of events that we do not know; they are left out, since a refusal is only repeated
 * @throws HttpProblem 404 `tenant-unknown`, 403 `foreign-bucket`; other errors ask for a repetition
 */
export async function takeDelivery(
  deps: { db: Database; bus: EventBus },
  tenantId: string,
  delivery: TigrisDelivery,
): Promise<string[]> {
  const tenant = await deps.db
    .selectFrom('tenants')
    .select(['bucket_name', 'status'])
    .where('id', '=', tenantId)
    .executeTakeFirst();
  if (tenant === undefined) throw new HttpProblem(404, 'tenant-unknown', 'No such tenant.');
  if (delivery.events.some(({ bucket }) => bucket !== tenant.bucket_name)) {
    throw new HttpProblem(403, 'foreign-bucket', 'This is not the bucket of the tenant.');
  }
  if (tenant.status !== 'active') return [];
  await deps.bus.publish(tenantId, delivery.events.flatMap(toEvent));
  return delivery.events.flatMap(({ eventName }) => (CHANGES.has(eventName) ? [] : [eventName]));
}

function toEvent(event: TigrisDelivery['events'][number]): NewEvent[] {
  const change = CHANGES.get(event.eventName);
  if (change === undefined) return [];
  const { key, size, eTag } = event.object;
  const etag = eTag?.replaceAll('"', '');
  const time = Date.parse(event.eventTime ?? '');
  return [
    {
      type: 'object-changed',
      key,
      change,
      ...(etag === undefined ? {} : { etag }),
      ...(size === undefined || size === null ? {} : { size }),
      source: 'storage',
      ...(Number.isNaN(time)
        ? {}
        : {
            at: new Date(time).toISOString(),
            // Without its time a second change could not be told from a second delivery.
            dedupe: digest(JSON.stringify([event.eventName, key, etag, event.eventTime]))
              .subarray(0, 16)
              .toString('base64url'),
          }),
    },
  ];
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
