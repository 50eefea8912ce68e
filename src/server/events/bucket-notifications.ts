import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import { prepare } from '../db/prepared.ts';
import type { Database } from '../db/sqlite.ts';
import type { StorageProvider } from '../storage/provider.ts';

export interface Webhook {
  url: string;
  token: string;
}

/** Address and token for a tenant's bucket; undefined where the storage could not reach us. */
export type WebhookFor = (tenantId: string) => Webhook | undefined;

/**
 * What is remembered of the webhook that a bucket was set to. The same for all tenants, so that those
 * that were told of another address, or with another key of the server, are found by an index: it is of
 * the webhook of nobody. Undefined where the storage could not reach us.
 */
export function commonFingerprint(webhookFor: WebhookFor): string | undefined {
  const common = webhookFor('');
  return common === undefined ? undefined : fingerprint(common);
}

/** As it was remembered of each tenant up to schema version 9, too. */
function fingerprint({ url, token }: Webhook): string {
  return createHash('sha256').update(`${url}\n${token}`).digest('base64url').slice(0, 16);
}

/**
 * Sets the notifications of every bucket that was not told of our present address. May be repeated.
 *
 * @returns how many were set, and the first failure of each that was not
 */
export async function reconcileNotifications(
  deps: { db: Database; storage: StorageProvider; webhookFor: WebhookFor },
  signal?: AbortSignal,
): Promise<{ set: number; failures: { tenant: string; error: unknown }[] }> {
  const report = { set: 0, failures: [] as { tenant: string; error: unknown }[] };
  const present = commonFingerprint(deps.webhookFor);
  if (present === undefined) return report;
  for (const { id } of await toldOfOther(deps.db, { present })) {
    signal?.throwIfAborted();
    // On SQLite nothing else lets requests in between.
    await setImmediate();
    const tenant = await activeTenant(deps.db, id);
    if (tenant === undefined || tenant.webhook === present) continue;
    try {
      if (await setBucket(deps, tenant, present)) report.set += 1;
    } catch (error) {
      report.failures.push({ tenant: tenant.slug, error });
    }
  }
  return report;
}

/** Of many tenants few differ, or none: three ranges of an index, where `<>` would read all of it. */
const toldOfOther = prepare(['present'], (db, { present }) => {
  // The status is written out, so that SQLite sees which index has only these.
  const active = db.selectFrom('tenants').select('id').where('status', '=', sql.lit('active'));
  return active
    .where('webhook', 'is', null)
    .unionAll(active.where('webhook', '<', present))
    .unionAll(active.where('webhook', '>', present));
});

type TenantRow = NonNullable<Awaited<ReturnType<typeof activeTenant>>>;

async function activeTenant(db: Database, id: string) {
  return db
    .selectFrom('tenants')
    .select(['id', 'slug', 'bucket_name', 'webhook'])
    .where('id', '=', id)
    .where('status', '=', 'active')
    .executeTakeFirst();
}

/** @returns false when the bucket was told before, and only what we remember of it was another hash */
async function setBucket(
  { db, storage, webhookFor }: Parameters<typeof reconcileNotifications>[0],
  { id, bucket_name, webhook: known }: TenantRow,
  present: string,
): Promise<boolean> {
  const webhook = webhookFor(id);
  if (webhook === undefined) return false;
  const set = fingerprint(webhook) !== known;
  if (set) await storage.setNotifications(bucket_name, webhook);
  await db.updateTable('tenants').set({ webhook: present }).where('id', '=', id).execute();
  return set;
}
