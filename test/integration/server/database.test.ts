import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/platform/clock.ts';
import { isUniqueViolation } from '../../../src/server/db/database-errors.ts';
import { migrate } from '../../../src/server/db/migrate.ts';
import { openPostgres } from '../../../src/server/db/postgres.ts';
import { openSqlite, type Database } from '../../../src/server/db/sqlite.ts';
import { recordAudit } from '../../../src/server/domain/audit.ts';
import { schemaOf } from '../../support/schema-of.ts';
import { createPostgresDatabase, testDatabase } from '../../support/test-databases.ts';
import { openWorkspace } from '../../support/workspace.ts';

/** An empty database, and another connection to it: on SQLite there is only one in a process. */
async function open(): Promise<[Database, Database]> {
  const both = testDatabase === 'sqlite' ? await openFile() : await openServer();
  for (const db of new Set(both)) onTestFinished(() => db.destroy());
  return both;
}

async function openFile(): Promise<[Database, Database]> {
  const path = join((await openWorkspace()).root, 'server.sqlite');
  const db = await openSqlite(path);
  return [db, db];
}

async function openServer(): Promise<[Database, Database]> {
  const database = await createPostgresDatabase({ empty: true });
  onTestFinished(() => database[Symbol.asyncDispose]());
  const settings = { kind: 'postgres', url: database.url, name: 'test', poolSize: 4 } as const;
  return [(await openPostgres(settings)).db, (await openPostgres(settings)).db];
}

it('has the schema that is checked in', async () => {
  const [db] = await open();
  await migrate(db, systemClock);
  // After a new migration: npx vitest run test/integration/server/database -u
  await expect(await schemaOf(db)).toMatchFileSnapshot(`schema.${testDatabase}.sql`);
});

it('migrates once, also when two servers start, and refuses what a newer version wrote', async () => {
  const [db, other] = await open();
  const applied = await Promise.all([migrate(db, systemClock), migrate(other, systemClock)]);
  const numbers = applied.flat().map((name) => Number.parseInt(name, 10));
  expect(numbers.toSorted((one, two) => one - two)).toEqual(numbers.map((_, index) => index + 1));
  expect(numbers.length).toBeGreaterThan(6);
  expect(await migrate(db, systemClock)).toEqual([]);
  await sql`INSERT INTO schema_migrations VALUES (9999, 'later', '')`.execute(db);
  await expect(migrate(db, systemClock)).rejects.toMatchObject({ code: 'database-newer' });
});

it('enforces references, tells what is taken, and sorts text by its bytes', async () => {
  const [db] = await open();
  await migrate(db, systemClock);
  await expect(
    db
      .insertInto('tenant_policies')
      .values({ tenant_id: 'nobody', policy: 'allowed', updated_by: 'x', updated_at: 'x' })
      .execute(),
  ).rejects.toThrow(/foreign key/i);
  const add = (slug: string) =>
    db
      .insertInto('tenants')
      .values({
        ...{ id: `id of ${slug}`, slug, name: slug, status: 'active', region: 'auto' },
        ...{ bucket_name: slug, created_at: '', updated_at: '' },
      })
      .execute();
  for (const slug of ['b', 'a-b', 'ab', 'B', 'a']) await add(slug);
  const again: unknown = await add('ab').catch((error: unknown) => error);
  expect(isUniqueViolation(again)).toBe(true);
  const rows = await db.selectFrom('tenants').select('slug').orderBy('slug').execute();
  expect(rows.map(({ slug }) => slug)).toEqual(['B', 'a', 'a-b', 'ab', 'b']);
});

it('chains the audit trail: each hash covers the one before, also of many at once', async () => {
  const both = await open();
  const [db] = both;
  await migrate(db, systemClock);
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      both[index % 2]!.transaction().execute((transaction) =>
        recordAudit(transaction, systemClock, {
          type: 'TenantCreatedEvent',
          actor: 'test',
          data: { slug: String(index) },
        }),
      ),
    ),
  );
  const rows = await db.selectFrom('audit_events').selectAll().orderBy('seq').execute();
  expect(rows.map(({ previous_hash }) => previous_hash)).toEqual([
    '',
    ...rows.slice(0, -1).map(({ hash }) => hash),
  ]);
  expect(new Set(rows.map(({ hash }) => hash)).size).toBe(20);
});
