import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock as clock } from '../../../src/platform/clock.ts';
import { migrate } from '../../../src/server/db/migrate.ts';
import { openPostgres } from '../../../src/server/db/postgres.ts';
import { openSqlite, type Database } from '../../../src/server/db/sqlite.ts';
import { findDrift } from '../../../src/server/domain/drift.ts';
import { findUnused, revokeExpired } from '../../../src/server/domain/expiry.ts';
import { TenantAccess } from '../../../src/server/domain/tenant-access.ts';
import {
  reconcileNotifications,
  type Webhook,
} from '../../../src/server/events/bucket-notifications.ts';
import { LocalEventBus } from '../../../src/server/events/event-bus.ts';
import { EventLog } from '../../../src/server/events/event-log.ts';
import { announceLostEvents } from '../../../src/server/events/lost-events.ts';
import type { StorageProvider } from '../../../src/server/storage/provider.ts';
import { readEvents } from '../../support/event-reader.ts';
import { startTestServer } from '../../support/server.ts';
import {
  createPostgresDatabase,
  openDatabaseOf,
  testDatabase,
} from '../../support/test-databases.ts';
import { openWorkspace } from '../../support/workspace.ts';

/** More than any job takes of them at once. */
const TENANTS = 450;

async function openWithTenants(): Promise<{ db: Database; ids: readonly string[] }> {
  const db = await open();
  onTestFinished(() => db.destroy());
  await migrate(db, clock);
  const ids = Array.from({ length: TENANTS }, () => randomUUID());
  const [now, by] = [new Date().toISOString(), 'test'];
  const times = { created_at: now, updated_at: now };
  await db
    .insertInto('tenants')
    .values(
      ids.map((id) => ({
        ...{ id, slug: id, name: id, status: 'active', bucket_name: id, region: 'auto', ...times },
      })),
    )
    .execute();
  await db
    .insertInto('tenant_policies')
    .values(
      ids.map((id) => ({ tenant_id: id, policy: 'allowed', updated_by: by, updated_at: now })),
    )
    .execute();
  await db
    .insertInto('tenant_mount_credentials')
    .values(
      ids.map((id) => ({
        ...{ id: randomUUID(), tenant_id: id, access_key: `key of ${id}`, policy_arn: id },
        ...{ description: '', permission: 'rw', created_by: by, ...times },
      })),
    )
    .execute();
  return { db, ids };
}

async function open(): Promise<Database> {
  if (testDatabase === 'sqlite') {
    return openSqlite(join((await openWorkspace()).root, 'server.sqlite'));
  }
  const { url, [Symbol.asyncDispose]: drop } = await createPostgresDatabase();
  onTestFinished(drop);
  return (await openPostgres({ kind: 'postgres', url, name: 'test', poolSize: 2 })).db;
}

/** How often somebody else had a turn meanwhile. */
async function countTurns<Result>(work: () => Promise<Result>): Promise<[Result, number]> {
  let turns = 0;
  const done = new AbortController();
  const other = (async () => {
    for (; !done.signal.aborted; turns += 1) await setImmediate();
  })();
  const result = await work();
  done.abort();
  await other;
  return [result, turns];
}

/** Six more for each tenant, so that there are more than any job looks at together. */
async function addKeys(db: Database, tenants: readonly string[]): Promise<string[]> {
  const times = { created_at: new Date().toISOString(), updated_at: '' };
  const rows = tenants.flatMap((id) =>
    Array.from({ length: 6 }, () => ({
      ...{ id: randomUUID(), tenant_id: id, access_key: randomUUID(), policy_arn: '' },
      ...{ description: '', permission: 'rw' as const, created_by: 'test', ...times },
    })),
  );
  for (let at = 0; at < rows.length; at += 500) {
    const batch = rows.slice(at, at + 500);
    await db.insertInto('tenant_mount_credentials').values(batch).execute();
  }
  return rows.map(({ id }) => id);
}

it('finds among many keys those that nobody uses, and those that are over', async () => {
  const { db, ids } = await openWithTenants();
  const added = await addKeys(db, ids.toSorted());
  const keys = db.updateTable('tenant_mount_credentials');
  const [third, used, first, ended, second] = added.filter((_, index) => index % 600 === 0);
  const createdIn = (month: string) => ({ created_at: `2020-${month}-01T00:00:00.000Z` });
  const soon = new Date(Date.now() + 60_000).toISOString();
  await keys.set(createdIn('01')).where('id', '=', first!).execute();
  await keys
    .set({ ...createdIn('02'), last_used_at: createdIn('03').created_at, expires_at: soon })
    .where('id', '=', second!)
    .execute();
  await keys.set(createdIn('04')).where('id', '=', third!).execute();
  await keys
    .set({ ...createdIn('01'), last_used_at: soon })
    .where('id', '=', used!)
    .execute();
  await keys
    .set({ ...createdIn('01'), revoked_at: 'then' })
    .where('id', '=', ended!)
    .execute();
  const [unused, turns] = await countTurns(() => findUnused({ db, clock }));
  expect(unused).toEqual([first, second, third]);
  expect(turns).toBeGreaterThan(1);

  const past = createdIn('05').created_at;
  await keys.set({ expires_at: past, confirm_by: past }).where('id', '=', first!).execute();
  await keys
    .set({ expires_at: past, confirm_by: past, confirmed_at: past })
    .where('id', 'in', [second!, ended!])
    .execute();
  await keys.set({ confirm_by: past, confirmed_at: past }).where('id', '=', used!).execute();
  await keys.set({ confirm_by: past }).where('id', '=', third!).execute();
  const { signal } = new AbortController();
  expect(await revokeExpired({ db, clock }, { dryRun: true, signal })).toBe(3);
  expect(await revokeExpired({ db, clock }, { dryRun: false, signal })).toBe(3);
  expect(await findUnused({ db, clock })).toEqual([]);
});

it('compares everything with the storage, and lets others work', async () => {
  const { db, ids } = await openWithTenants();
  await addKeys(db, ids);
  const rows = await db
    .selectFrom('tenant_mount_credentials')
    .select(['id', 'access_key'])
    .execute();
  const listed = rows.map(({ id, access_key: key }) => ({
    key: { id: key, label: `cloud-mount-${id}`, active: true },
    policy: { name: `cloud-mount-${id}`, arn: id },
  }));
  const [lostKey, lostBucket, stray] = [rows.at(-1)!, ids.at(-1)!, randomUUID()];
  const storage = {
    listBuckets: () => Promise.resolve([...ids.slice(0, -1), 'cloud-stray']),
    listAccessKeys: () => Promise.resolve(listed.slice(0, -1).map(({ key }) => key)),
    listPolicies: () =>
      Promise.resolve([
        ...listed.map(({ policy }) => policy),
        { name: `cloud-mount-${stray}`, arn: 'stray' },
      ]),
  } as Partial<StorageProvider> as StorageProvider;
  const [found, turns] = await countTurns(() =>
    findDrift({ db, clock, storage, bucketPrefix: 'cloud' }),
  );
  expect(found.map(({ finding }) => `${finding.kind} ${finding.name}`)).toEqual([
    'bucket-without-tenant cloud-stray',
    `tenant-without-bucket ${lostBucket}`,
    `leaked-policy cloud-mount-${stray}`,
    `credential-without-key ${lostKey.access_key}`,
  ]);
  // Twice for the rows, and for what is compared with what.
  expect(turns).toBeGreaterThan((4 * rows.length) / 500);
});

it('finds among many each tenant whose keys are not as they should be, and lets others work', async () => {
  const { db, ids } = await openWithTenants();
  const [denied, unknown, removed, halfway, ended, fine] = ids
    .toSorted()
    .filter((_, index) => index % 80 === 0);
  // As other processes, or whoever has the database, leave it.
  await db
    .updateTable('tenant_policies')
    .set({ policy: 'denied' })
    .where('tenant_id', '=', denied!)
    .execute();
  await db.deleteFrom('tenant_policies').where('tenant_id', '=', unknown!).execute();
  await db.updateTable('tenants').set({ status: 'removed' }).where('id', '=', removed!).execute();
  const keys = db.updateTable('tenant_mount_credentials');
  await keys.set({ provider_status: 'changing' }).where('tenant_id', '=', halfway!).execute();
  await keys
    .set({ provider_status: 'inactive', revoked_at: 'then' })
    .where('tenant_id', '=', ended!)
    .execute();
  const told: Record<string, boolean> = {};
  const storage = {
    setAccessKeyActive: (key: string, active: boolean) => {
      told[key] = active;
      return Promise.resolve(true);
    },
  } as Partial<StorageProvider> as StorageProvider;
  const access = new TenantAccess({ db, clock, storage });
  const [outcome, turns] = await countTurns(() => access.applyAll());
  expect(outcome).toEqual({ tenants: 4, failure: undefined });
  expect(turns).toBeGreaterThan(1);
  expect(told).toEqual({
    [`key of ${denied}`]: false,
    [`key of ${unknown}`]: false,
    [`key of ${removed}`]: false,
    [`key of ${halfway}`]: true,
  });
  expect(await access.applyAll()).toEqual({ tenants: 0, failure: undefined });
  await keys.set({ provider_status: 'inactive' }).where('tenant_id', '=', fine!).execute();
  expect(await access.applyAll()).toEqual({ tenants: 1, failure: undefined });
});

it('tells the buckets that were told of something else, and no other', async () => {
  const { db, ids } = await openWithTenants();
  const told: string[] = [];
  const storage = {
    setNotifications: (bucket: string) => {
      told.push(bucket);
      return bucket === stubborn ? Promise.reject(new Error('refused')) : Promise.resolve();
    },
  } as Partial<StorageProvider> as StorageProvider;
  let base = 'https://one.example';
  const webhookFor = (id: string): Webhook => ({ url: `${base}/${id}`, token: `token of ${id}` });
  const run = async () => {
    told.length = 0;
    const { set, failures } = await reconcileNotifications({ db, storage, webhookFor });
    return { set, failed: failures.map(({ tenant }) => tenant), told: told.toSorted() };
  };
  let stubborn: string | undefined;
  expect(await run()).toEqual({ set: TENANTS, failed: [], told: ids.toSorted() });
  expect(await run()).toEqual({ set: 0, failed: [], told: [] });
  const [lower, higher, none, removed] = ids;
  const change = (id: string | undefined, webhook: string | null) =>
    db.updateTable('tenants').set({ webhook }).where('id', '=', id!).execute();
  await change(lower, '!');
  await change(higher, '~');
  await change(none, null);
  await change(removed, null);
  await db.updateTable('tenants').set({ status: 'removed' }).where('id', '=', removed!).execute();
  stubborn = higher;
  const three = [lower, higher, none].toSorted();
  expect(await run()).toEqual({ set: 2, failed: [higher], told: three });
  stubborn = undefined;
  expect(await run()).toEqual({ set: 1, failed: [], told: [higher] });
  // What an older version remembered says the same, and is not told again.
  const { url, token } = webhookFor(lower!);
  await change(
    lower,
    createHash('sha256').update(`${url}\n${token}`).digest('base64url').slice(0, 16),
  );
  expect(await run()).toEqual({ set: 0, failed: [], told: [] });
  base = 'https://two.example';
  expect(await run()).toMatchObject({ set: TENANTS - 1, failed: [] });
});

it('says once in the log of a tenant that events were lost, when somebody listens', async () => {
  const server = await startTestServer({ tenants: ['acme', 'globex'] });
  onTestFinished(() => server.close());
  const db = await openDatabaseOf(server);
  onTestFinished(() => db.destroy());
  // Another process, which nobody listens at.
  const other = new LocalEventBus(new EventLog(db, clock));
  const lost = { type: 'resync', reason: 'events-lost' };
  const logged = async () =>
    (await db.selectFrom('tenant_events').select('data').execute()).map(
      ({ data }) => JSON.parse(data) as unknown,
    );
  const listening = await readEvents(server.url, server.apiKeyOf('acme'));
  await listening.next();
  await announceLostEvents(db, other);
  if (testDatabase === 'postgres') {
    expect(await listening.next()).toMatchObject(lost);
    expect(await logged()).toEqual([lost]);
  } else {
    expect(await logged()).toEqual([]);
  }
  const late = await readEvents(server.url, server.apiKeyOf('globex'), '0-start');
  await late.next();
  const { position } = (await late.next())!;
  const before = await logged();
  expect(before).toEqual(testDatabase === 'postgres' ? [lost, lost] : [lost]);
  // Whoever was told goes on; whoever was not finds it in the log.
  const again = await readEvents(server.url, server.apiKeyOf('globex'), '0-start');
  expect([await again.next(), await again.next()]).toMatchObject([{ type: 'hello' }, lost]);
  expect(await logged()).toEqual(before);
  await announceLostEvents(db, other);
  await announceLostEvents(db, other);
  const informed = await readEvents(server.url, server.apiKeyOf('globex'), position);
  expect([await informed.next(), await informed.next()]).toMatchObject([{ type: 'hello' }, lost]);
});
