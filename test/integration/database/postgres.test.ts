import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import type { Tenant } from '../../../src/api/contract/admin.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { migrate } from '../../../src/server/db/migrate.ts';
import { openPostgres, type Postgres } from '../../../src/server/db/postgres.ts';
import { mountInfo } from '../../../src/server/domain/mount-info.ts';
import { findTenant } from '../../../src/server/domain/tenant-view.ts';
import type { ServerStartError } from '../../../src/server/errors.ts';
import { principalOfSession } from '../../../src/server/identity/principal.ts';
import { RateLimits } from '../../../src/server/identity/rate-limits.ts';
import { createPostgresDatabase } from '../../support/test-databases.ts';

async function open(options: { empty?: boolean } = {}): Promise<Postgres> {
  const database = await createPostgresDatabase(options);
  onTestFinished(() => database[Symbol.asyncDispose]());
  const postgres = await openPostgres({
    ...{ kind: 'postgres', url: database.url, name: 'test', poolSize: 8 },
  });
  onTestFinished(() => postgres.db.destroy());
  return postgres;
}

it('adds nothing to the database of another program', async () => {
  const { db } = await open({ empty: true });
  // Rails has a table of this name too.
  await sql`create table schema_migrations (version varchar primary key)`.execute(db);
  await expect(migrate(db, systemClock)).rejects.toMatchObject({ code: 'database-foreign' });
  const { rows } = await sql`select * from pg_tables where schemaname = 'public'`.execute(db);
  expect(rows).toHaveLength(1);
});

it('says which database does not answer, and never the password', async () => {
  const url = 'postgres://cloud:hunter2@127.0.0.1:1/cloud';
  const error = await openPostgres({
    kind: 'postgres',
    url,
    name: '127.0.0.1:1/cloud',
    poolSize: 1,
  })
    .then(() => undefined)
    .catch((thrown: unknown) => thrown as ServerStartError);
  expect(error).toMatchObject({ code: 'database-unreachable' });
  expect(error?.message).toContain('127.0.0.1:1/cloud cannot be used (ECONNREFUSED)');
  expect(JSON.stringify([error?.message, String(error?.cause)])).not.toContain('hunter2');
});

it('repeats transactions that block each other, until both are done', async () => {
  const { db } = await open();
  await sql`create table pairs (id integer primary key, n integer not null)`.execute(db);
  await sql`insert into pairs values (1, 0), (2, 0)`.execute(db);
  const both = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()] as const;
  let runs = 0;
  const add = (first: number, second: number, mine: 0 | 1) =>
    db.transaction().execute(async (transaction) => {
      runs += 1;
      await sql`update pairs set n = n + 1 where id = ${first}`.execute(transaction);
      both[mine].resolve(undefined);
      await both[1 - mine]?.promise;
      await sql`update pairs set n = n + 1 where id = ${second}`.execute(transaction);
    });
  await Promise.all([add(1, 2, 0), add(2, 1, 1)]);
  expect(runs).toBe(3);
  const { rows } = await sql`select n from pairs`.execute(db);
  expect(rows).toEqual([{ n: 2 }, { n: 2 }]);
});

it('counts tries of all processes together, also many at the same moment', async () => {
  const { db } = await open();
  const other = new RateLimits(db, systemClock);
  const limits = new RateLimits(db, systemClock);
  const tries = Array.from({ length: 40 }, (_, index) =>
    (index % 2 === 0 ? limits : other).take('sign-in-account', 'ada').then(
      () => 'taken',
      (error: unknown) => (error as { code: string }).code,
    ),
  );
  const outcomes = await Promise.all(tries);
  expect(outcomes.filter((outcome) => outcome === 'taken')).toHaveLength(10);
  expect(outcomes.filter((outcome) => outcome === 'too-many-tries')).toHaveLength(30);
});

it('keeps the reads of every request planned, also once a newer process has added columns', async () => {
  const { db } = await open();
  const id = randomUUID();
  await db.connection().execute(async (one) => {
    const readAll = async (): Promise<unknown[]> => [
      await principalOfSession(one, systemClock, id),
      await principalOfSession(one, systemClock, id, { newestKey: true }),
      await findTenant(one, id),
      (await mountInfo({ db: one, clock: systemClock }, { id } as Tenant)).has_credentials,
    ];
    const nothing = ['invalid', 'invalid', undefined, false];
    expect(await readAll()).toEqual(nothing);
    const kept = await sql`select name from pg_prepared_statements`.execute(one);
    expect(kept.rows).toHaveLength(4);
    for (const table of ['sessions', 'users', 'tenants', 'tenant_mount_credentials']) {
      await sql`alter table ${sql.table(table)} add column later text`.execute(one);
    }
    expect(await readAll()).toEqual(nothing);
  });
});
