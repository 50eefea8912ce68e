import { setImmediate } from 'node:timers/promises';
import type { DriftFinding } from '../../api/contract/drift.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import type { ListedAccessKey, StorageProvider } from '../storage/provider.ts';
import { policyName } from './leftovers.ts';
import { mayUseBucket, requireTenant } from './tenant-view.ts';

export interface DriftDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
  bucketPrefix: string;
}

/** Rows. */
const BATCH = 500;

/** What is to be done about a finding, and to what. */
export interface Drift {
  finding: DriftFinding;
  /** Access key id, policy ARN, bucket name or credential id. */
  target: string;
  tenantId: string | undefined;
  /** Of a leaked key or policy: which credential its name says it is of. */
  credentialId?: string;
  /** It may be of another server that uses the same storage account. */
  foreign?: boolean;
}

/** Both sides, the storage a little earlier. */
interface Snapshot {
  /** What was made later may be here and not there yet. */
  startedAt: string;
  /** Ids of issuances under way, or not cleaned up yet. */
  intents: ReadonlySet<string>;
  buckets: readonly string[];
  keys: readonly ListedAccessKey[];
  policies: readonly { name: string; arn: string }[];
  tenants: readonly TenantRow[];
  credentials: readonly CredentialRow[];
  intentBuckets: ReadonlySet<string>;
}

type TenantRow = Awaited<ReturnType<typeof readTenants>>[number];
type CredentialRow = Awaited<ReturnType<typeof readCredentials>>[number];

/**
 * Compares database and provider, and changes nothing.
 *
 * @param ref of one tenant only; what belongs to none is left out then
 * @throws HttpProblem 404; StorageError
 */
export async function findDrift(deps: DriftDeps, ref?: string): Promise<Drift[]> {
  const only = ref === undefined ? undefined : (await requireTenant(deps.db, ref)).id;
  const snapshot = await takeSnapshot(deps);
  const all = [
    ...bucketDrift(snapshot),
    ...(await markForeign(deps.db, [...keyDrift(snapshot), ...policyDrift(snapshot)])),
    ...credentialDrift(snapshot),
  ];
  return only === undefined ? all : all.filter(({ tenantId }) => tenantId === only);
}

/** What the audit trail has never heard of was perhaps not issued here. */
async function markForeign(db: Database, drifts: readonly Drift[]): Promise<Drift[]> {
  const ids = drifts.flatMap(({ credentialId }) => credentialId ?? []);
  if (ids.length === 0) return [...drifts];
  const rows = await db
    .selectFrom('audit_events')
    .select('subject_id')
    .distinct()
    .where('subject_id', 'in', ids)
    .execute();
  const known = new Set(rows.map(({ subject_id: id }) => id));
  return drifts.map((each) => {
    const { credentialId: id, finding } = each;
    if (id === undefined || known.has(id)) return each;
    const note = 'This server never issued it. Is there another one with this storage account?';
    return { ...each, foreign: true, finding: { ...finding, note } };
  });
}

async function takeSnapshot({ db, clock, storage, bucketPrefix }: DriftDeps): Promise<Snapshot> {
  // The storage before the rows: what it has already has a row, or an intent, when rows are read.
  const startedAt = new Date(clock.now()).toISOString();
  const buckets = await storage.listBuckets(`${bucketPrefix}-`);
  const keys = await storage.listAccessKeys();
  const policies = await storage.listPolicies();
  const intents = await db
    .selectFrom('provisioning_intents')
    .select(['id', 'bucket_name'])
    .execute();
  const tenants = await readTenants(db);
  return {
    ...{ startedAt, buckets, keys, policies, tenants },
    credentials: await readCredentials(db),
    intents: new Set(intents.map(({ id }) => id)),
    intentBuckets: new Set(intents.map(({ bucket_name: bucket }) => bucket ?? '')),
  };
}

async function readTenants(db: Database) {
  const rows = await inBatches((after) =>
    db
      .selectFrom('tenants')
      .leftJoin('tenant_policies', 'tenant_policies.tenant_id', 'tenants.id')
      .select(['id', 'slug', 'status', 'policy', 'bucket_name', 'created_at'])
      .where('status', '<>', 'purged')
      .where('id', '>', after)
      .orderBy('id')
      .limit(BATCH)
      .execute(),
  );
  return rows.map((row) => ({ ...row, policy: row.policy ?? ('denied' as const) }));
}

function readCredentials(db: Database) {
  return inBatches((after) =>
    db
      .selectFrom('tenant_mount_credentials')
      .select(['id', 'tenant_id', 'access_key', 'revoked_at', 'tigris_deletion_status'])
      .select(['created_at', 'expires_at', 'deletion_abandoned_at'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(BATCH)
      .execute(),
  );
}

/** On SQLite requests wait while rows are read, so not for all of them at once. */
async function inBatches<Row extends { id: string }>(
  read: (after: string) => Promise<Row[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const batch = await read(rows.at(-1)?.id ?? '');
    rows.push(...batch);
    if (batch.length < BATCH) return rows;
    await setImmediate();
  }
}

function bucketDrift({ startedAt, buckets, tenants, intentBuckets }: Snapshot): Drift[] {
  const known = new Set(tenants.map(({ bucket_name: bucket }) => bucket));
  const there = new Set(buckets);
  const strays = buckets.filter((bucket) => !known.has(bucket) && !intentBuckets.has(bucket));
  // A purge takes the bucket before the rows.
  const lost = tenants.filter(
    ({ status, bucket_name: bucket, created_at: at }) =>
      status !== 'purging' && at < startedAt && !there.has(bucket),
  );
  return [
    ...strays.map((bucket) =>
      drift('bucket-without-tenant', { name: bucket, fix: 'delete' }, bucket),
    ),
    ...lost.map(({ id, slug, bucket_name: bucket }) =>
      drift(
        'tenant-without-bucket',
        {
          ...{ tenant: slug, name: bucket, fix: 'none' },
          note: 'Restore the bucket from a backup, or purge the tenant.',
        },
        bucket,
        id,
      ),
    ),
  ];
}

/** Whether a name is one that we give, and of which credential. */
function credentialOf(name: string): string | undefined {
  const id = name.slice(policyName('').length);
  return name === policyName(id) && /^[0-9a-f-]{36}$/.test(id) ? id : undefined;
}

function keyDrift({ keys, credentials, tenants, intents }: Snapshot): Drift[] {
  const byId = new Map(credentials.map((row) => [row.id, row]));
  const tenantsById = new Map(tenants.map((tenant) => [tenant.id, tenant]));
  return keys.flatMap((key): Drift[] => {
    const id = credentialOf(key.label);
    if (id === undefined || intents.has(id)) return [];
    const row = byId.get(id);
    const tenant = tenantsById.get(row?.tenant_id ?? '');
    if (row === undefined || !isOwed(row) || row.access_key !== key.id) {
      const about = { tenant: tenant?.slug ?? null, name: key.id, fix: 'delete' } as const;
      return [{ ...drift('leaked-key', about, key.id, tenant?.id), credentialId: id }];
    }
    // What is revoked is deleted by another job; what nobody says cannot be compared.
    if (row.revoked_at !== null || tenant === undefined || key.active === undefined) return [];
    const wanted = mayUseBucket(tenant);
    if (key.active === wanted) return [];
    return [
      drift(
        wanted ? 'key-should-be-active' : 'key-should-be-inactive',
        { tenant: tenant.slug, name: key.id, fix: wanted ? 'activate' : 'deactivate' },
        row.id,
        tenant.id,
      ),
    ];
  });
}

/** Whether key and policy should be there, or another job will delete them. */
function isOwed(row: CredentialRow): boolean {
  return row.tigris_deletion_status !== 'completed' && row.deletion_abandoned_at === null;
}

function policyDrift({ policies, credentials, tenants, intents }: Snapshot): Drift[] {
  const byId = new Map(credentials.map((row) => [row.id, row]));
  return policies.flatMap(({ name, arn }): Drift[] => {
    const id = credentialOf(name);
    if (id === undefined || intents.has(id)) return [];
    const row = byId.get(id);
    if (row !== undefined && isOwed(row)) return [];
    const tenant = tenants.find((each) => each.id === row?.tenant_id);
    const about = { tenant: tenant?.slug ?? null, name, fix: 'delete' } as const;
    return [{ ...drift('leaked-policy', about, arn, tenant?.id), credentialId: id }];
  });
}

function credentialDrift({ startedAt, credentials, keys, tenants }: Snapshot): Drift[] {
  const there = new Set(keys.map(({ id }) => id));
  const tenantsById = new Map(tenants.map((tenant) => [tenant.id, tenant]));
  return credentials.flatMap((row): Drift[] => {
    const tenant = tenantsById.get(row.tenant_id);
    const isOver = row.revoked_at !== null || (row.expires_at ?? startedAt) < startedAt;
    if (tenant === undefined || isOver || row.created_at >= startedAt) return [];
    if (there.has(row.access_key)) return [];
    const about = { tenant: tenant.slug, name: row.access_key, fix: 'revoke' } as const;
    return [drift('credential-without-key', about, row.id, tenant.id)];
  });
}

function drift(
  kind: DriftFinding['kind'],
  about: Pick<DriftFinding, 'name' | 'fix'> & Partial<Pick<DriftFinding, 'tenant' | 'note'>>,
  target: string,
  tenantId?: string,
): Drift {
  const finding = { tenant: null, note: null, ...about, kind, fixed: null };
  return { finding, target, tenantId };
}
