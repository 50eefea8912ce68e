import type { PurgeItem, PurgePlan, Tenant } from '../../api/contract/admin.ts';
import type { Database } from '../db/sqlite.ts';
import type { StorageProvider } from '../storage/provider.ts';
import { keyLabel } from './leftovers.ts';
import { requireTenant } from './tenant-view.ts';

interface PurgePlanDeps {
  db: Database;
  storage: StorageProvider;
}

/** Exactly what a purge would take away. @throws HttpProblem 404; StorageError */
export async function planPurge(deps: PurgePlanDeps, ref: string): Promise<PurgePlan> {
  const tenant = await requireTenant(deps.db, ref);
  const items = [
    item('tenant', tenant.slug, tenant.name),
    ...(await bucketItems(deps.storage, tenant)),
    ...(await keyItems(deps.db, tenant)),
    ...(await peopleItems(deps.db, tenant)),
  ];
  return { tenant, items };
}

async function bucketItems(
  storage: StorageProvider,
  { bucket_name: bucket }: Tenant,
): Promise<PurgeItem[]> {
  if (!(await storage.hasBucket(bucket))) return [];
  const { objects, bytes, more } = await storage.measureBucket(bucket);
  const atLeast = more ? 'at least ' : '';
  return [
    item('bucket', bucket),
    item('objects', `${atLeast}${objects}`, `${atLeast}${bytes} bytes`),
  ];
}

async function keyItems(db: Database, { id }: Tenant): Promise<PurgeItem[]> {
  const keys = await db
    .selectFrom('tenant_mount_credentials')
    .select(['access_key', 'policy_arn', 'description'])
    .where('tenant_id', '=', id)
    .where('tigris_deletion_status', '<>', 'completed')
    .where('deletion_abandoned_at', 'is', null)
    .orderBy('created_at')
    .execute();
  const unfinished = await db
    .selectFrom('provisioning_intents')
    .select('id')
    .where('tenant_id', '=', id)
    .execute();
  const tokens = await db
    .selectFrom('credentials')
    .select(['id', 'label'])
    .where('tenant_id', '=', id)
    .orderBy('created_at')
    .execute();
  return [
    ...keys.map(({ access_key: key, description }) => item('access-key', key, description)),
    ...keys.map(({ policy_arn: arn }) => item('policy', arn)),
    ...unfinished.map((intent) => item('access-key', keyLabel(intent.id), 'not finished')),
    ...tokens.map((token) => item('token', token.id, token.label)),
  ];
}

async function peopleItems(db: Database, { id }: Tenant): Promise<PurgeItem[]> {
  const sessions = await db
    .selectFrom('sessions')
    .innerJoin('users', 'users.id', 'sessions.user_id')
    .select(['sessions.id', 'username'])
    .where('tenant_id', '=', id)
    .orderBy('sessions.created_at')
    .execute();
  const members = await db
    .selectFrom('memberships')
    .innerJoin('users', 'users.id', 'memberships.user_id')
    .select(['username', 'memberships.role'])
    .where('tenant_id', '=', id)
    .orderBy('username')
    .execute();
  const former = await db
    .selectFrom('tenant_slug_history')
    .select('slug')
    .where('tenant_id', '=', id)
    .execute();
  return [
    ...sessions.map((session) => item('session', session.id, session.username)),
    ...members.map(({ username, role }) => item('member', username, role)),
    ...former.map(({ slug }) => item('former-slug', slug)),
  ];
}

function item(kind: PurgeItem['kind'], name: string, detail: string | null = null): PurgeItem {
  return { kind, name, detail };
}
