import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import type { StorageProvider } from '../storage/provider.ts';
import { reconcileNotifications, type WebhookFor } from './bucket-notifications.ts';
import type { EventBus } from './event-bus.ts';
import type { EventLog } from './event-log.ts';

interface UpkeepDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
  log: EventLog;
  bus: EventBus;
  webhookFor: WebhookFor;
}

/** A bucket key that ends sooner than this is announced once; milliseconds. */
const EXPIRING_MS = 86_400_000;

/** At start and every minute. What fails is logged and left to the next time. */
export async function keepEvents(deps: UpkeepDeps, logger: FastifyBaseLogger): Promise<void> {
  try {
    const { set, failures } = await reconcileNotifications(deps);
    if (set > 0) logger.info({ buckets: set }, 'notifications were set');
    for (const { tenant, error: err } of failures) {
      logger.warn({ err, tenant }, 'the notifications of a bucket could not be set');
    }
    await announceExpiring(deps);
    await deps.log.prune();
  } catch (err) {
    logger.error({ err }, 'the upkeep of events failed');
  }
}

async function announceExpiring({ db, clock, bus }: UpkeepDeps): Promise<void> {
  const now = clock.now();
  const rows = await db
    .selectFrom('tenant_mount_credentials')
    .select(['id', 'tenant_id', 'expires_at'])
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', new Date(now).toISOString())
    .where('expires_at', '<=', new Date(now + EXPIRING_MS).toISOString())
    .execute();
  for (const { id, tenant_id: tenantId, expires_at } of rows) {
    if (expires_at === null) continue;
    await bus.publish(tenantId, [
      { type: 'credential-expiring', credential_id: id, expires_at, dedupe: `expiring ${id}` },
    ]);
  }
}
