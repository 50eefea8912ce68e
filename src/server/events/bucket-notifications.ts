import { createHash } from 'node:crypto';
import type { Database } from '../db/sqlite.ts';
import type { StorageProvider } from '../storage/provider.ts';

export interface Webhook {
  url: string;
  token: string;
}

/** Address and token for a tenant's bucket; undefined where the storage could not reach us. */
export type WebhookFor = (tenantId: string) => Webhook | undefined;

/** What is remembered of a webhook that a bucket was set to: enough to see that it is another one. */
export function fingerprint({ url, token }: Webhook): string {
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
  const { db, storage, webhookFor } = deps;
  const report = { set: 0, failures: [] as { tenant: string; error: unknown }[] };
  const tenants = await db
    .selectFrom('tenants')
    .select(['id', 'slug', 'bucket_name', 'webhook'])
    .where('status', '=', 'active')
    .execute();
  for (const { id, slug, bucket_name, webhook: known } of tenants) {
    signal?.throwIfAborted();
    const webhook = webhookFor(id);
    if (webhook === undefined || fingerprint(webhook) === known) continue;
    try {
      await storage.setNotifications(bucket_name, webhook);
      await db
        .updateTable('tenants')
        .set({ webhook: fingerprint(webhook) })
        .where('id', '=', id)
        .execute();
      report.set += 1;
    } catch (error) {
      report.failures.push({ tenant: slug, error });
    }
  }
  return report;
}
