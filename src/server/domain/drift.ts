import { sql } from 'kysely';
import type { DriftFinding } from '../../api/contract/drift.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import type { ListedAccessKey, StorageProvider } from '../storage/provider.ts';
import { policyName } from './leftovers.ts';
import { mayUseBucket, requireTenant } from './tenant-view.ts';
import { takeTurns } from './turns.ts';

export interface DriftDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
  bucketPrefix: string;
}

/** What is read or compared before others have their turn: a few milliseconds. */
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
  /** By their ids. */
  tenants: ReadonlyMap<string, TenantRow>;
  credentials: ReadonlyMap<string, CredentialRow>;
  intentBuckets: ReadonlySet<string>;
}

type RowOf<Rows> = Rows extends ReadonlyMap<string, infer Row> ? Row : never;
type TenantRow = RowOf<Awaited<ReturnType<typeof readTenants>>>;
type CredentialRow = RowOf<Awaited<ReturnType<typeof readCredentials>>>;

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
    ...(await bucketDrift(snapshot)),
    ...(await markForeign(deps.db, [
      ...(await keyDrift(snapshot)),
      ...(await policyDrift(snapshot)),
    ])),
    ...(await credentialDrift(snapshot)),
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

function readTenants(db: Database) {
  return inBatches((after) =>
    db
      .selectFrom('tenants')
      .leftJoin('tenant_policies', 'tenant_policies.tenant_id', 'tenants.id')
      .select(['id', 'slug', 'status', 'bucket_name', 'created_at'])
      .select((select) => select.fn.coalesce('policy', sql.lit<'denied'>('denied')).as('policy'))
      .where('status', '<>', 'purged')
      .where('id', '>', after)
      .orderBy('id')
      .limit(BATCH)
      .execute(),
  );
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
): Promise<Map<string, Row>> {
  const turn = takeTurns();
  const rows = new Map<string, Row>();
  for (let last = ''; ;) {
    const batch = await read(last);
    for (const row of batch) rows.set(row.id, row);
    if (batch.length < BATCH) return rows;
    last = batch.at(-1)?.id ?? last;
    await turn();
  }
}

/** Others have their turns in between: there may be half a million of each. */
async function inTurns<Item>(items: Iterable<Item>, act: (item: Item) => void): Promise<void> {
  const turn = takeTurns();
  let count = 0;
  for (const item of items) {
    act(item);
    count += 1;
    if (count % BATCH === 0) await turn();
  }
}

async function flatMapInTurns<Item, Result>(
  items: Iterable<Item>,
  map: (item: Item) => readonly Result[],
): Promise<Result[]> {
  const results: Result[] = [];
  await inTurns(items, (item) => results.push(...map(item)));
  return results;
}

async function bucketDrift(snapshot: Snapshot): Promise<Drift[]> {
  const { startedAt, buckets, tenants, intentBuckets } = snapshot;
  const known = new Set<string>();
  const there = new Set(buckets);
  const lost = await flatMapInTurns(tenants.values(), (tenant): Drift[] => {
    const { id, slug, status, bucket_name: bucket, created_at: at } = tenant;
    known.add(bucket);
    // A purge takes the bucket before the rows.
    if (status === 'purging' || at >= startedAt || there.has(bucket)) return [];
    const note = 'Restore the bucket from a backup, or purge the tenant.';
    const about = { tenant: slug, name: bucket, fix: 'none', note } as const;
    return [drift('tenant-without-bucket', about, bucket, id)];
  });
  const strays = await flatMapInTurns(buckets, (bucket) =>
    known.has(bucket) || intentBuckets.has(bucket)
      ? []
      : [drift('bucket-without-tenant', { name: bucket, fix: 'delete' }, bucket)],
  );
  return [...strays, ...lost];
}

/** Whether a name is one that we give, and of which credential. */
function credentialOf(name: string): string | undefined {
  const id = name.slice(policyName('').length);
  return name === policyName(id) && /^[0-9a-f-]{36}$/.test(id) ? id : undefined;
}

function keyDrift({ keys, credentials, tenants, intents }: Snapshot): Promise<Drift[]> {
  return flatMapInTurns(keys, (key): Drift[] => {
    const id = credentialOf(key.label);
    if (id === undefined || intents.has(id)) return [];
    const row = credentials.get(id);
    const tenant = tenants.get(row?.tenant_id ?? '');
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

function policyDrift({ policies, credentials, tenants, intents }: Snapshot): Promise<Drift[]> {
  return flatMapInTurns(policies, ({ name, arn }): Drift[] => {
    const id = credentialOf(name);
    if (id === undefined || intents.has(id)) return [];
    const row = credentials.get(id);
    if (row !== undefined && isOwed(row)) return [];
    const tenant = tenants.get(row?.tenant_id ?? '');
    const about = { tenant: tenant?.slug ?? null, name, fix: 'delete' } as const;
    return [{ ...drift('leaked-policy', about, arn, tenant?.id), credentialId: id }];
  });
}

async function credentialDrift(snapshot: Snapshot): Promise<Drift[]> {
  const { startedAt, credentials, keys, tenants } = snapshot;
  const there = new Set<string>();
  await inTurns(keys, ({ id }) => there.add(id));
  return flatMapInTurns(credentials.values(), (row): Drift[] => {
    const tenant = tenants.get(row.tenant_id);
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
