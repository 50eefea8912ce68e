import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import type { EventBus } from './event-bus.ts';

/** A bucket key that ends sooner than this is announced once; milliseconds. */
const EXPIRING_MS = 86_400_000;

/** @returns how many were announced for the first time */
export async function announceExpiring({
  db,
  clock,
  bus,
}: {
  db: Database;
  clock: Clock;
  bus: EventBus;
}): Promise<number> {
  const now = clock.now();
  const rows = await db
    .selectFrom('tenant_mount_credentials')
    .select(['id', 'tenant_id', 'expires_at'])
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', new Date(now).toISOString())
    .where('expires_at', '<=', new Date(now + EXPIRING_MS).toISOString())
    .execute();
  let announced = 0;
  for (const { id, tenant_id: tenantId, expires_at } of rows) {
    if (expires_at === null) continue;
    announced += await bus.publish(tenantId, [
      { type: 'credential-expiring', credential_id: id, expires_at, dedupe: `expiring ${id}` },
    ]);
  }
  return announced;
}
