import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/platform/clock.ts';
import { migrate } from '../../../src/server/db/migrate.ts';
import { openSqlite, type Database } from '../../../src/server/db/sqlite.ts';
import { recordAudit } from '../../../src/server/domain/audit.ts';
import { toProblem } from '../../../src/server/plugins/problems.ts';
import { openWorkspace } from '../../support/workspace.ts';

async function open(): Promise<Database> {
  const { root } = await openWorkspace();
  const db = await openSqlite(join(root, 'server.sqlite'));
  onTestFinished(() => db.destroy());
  return db;
}

it('has the schema that is checked in', async () => {
  const db = await open();
  await migrate(db, systemClock);
  const rows = await sql<{ sql: string }>`
    SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name
  `.execute(db);
  const schema = rows.rows.map((row) => `${row.sql};\n`).join('\n');
  // After a new migration: npx vitest run test/integration/server/database -u
  await expect(schema).toMatchFileSnapshot('schema.sql');
});

it('migrates once, and refuses what a newer version wrote', async () => {
  const db = await open();
  expect(await migrate(db, systemClock)).toEqual(['0001-first', '0002-events', '0003-identity']);
  expect(await migrate(db, systemClock)).toEqual([]);
  await sql`INSERT INTO schema_migrations VALUES (9999, 'later', '')`.execute(db);
  await expect(migrate(db, systemClock)).rejects.toMatchObject({ code: 'database-newer' });
});

it('is in WAL and durable, and enforces references', async () => {
  const db = await open();
  await migrate(db, systemClock);
  const pragma = async (name: string): Promise<unknown[]> => {
    const { rows } = await sql<Record<string, unknown>>`PRAGMA ${sql.raw(name)}`.execute(db);
    return Object.values(rows[0] ?? {});
  };
  expect(await pragma('journal_mode')).toEqual(['wal']);
  expect(await pragma('synchronous')).toEqual([2]);
  expect(await pragma('foreign_keys')).toEqual([1]);
  await expect(
    db
      .insertInto('tenant_policies')
      .values({ tenant_id: 'nobody', policy: 'allowed', updated_by: 'x', updated_at: 'x' })
      .execute(),
  ).rejects.toThrow(/FOREIGN KEY/);
});

it('says of a file that is no database that it cannot be opened', async () => {
  const { root } = await openWorkspace();
  const path = join(root, 'server.sqlite');
  await writeFile(path, 'this is no database'.repeat(100));
  await expect(openSqlite(path)).rejects.toMatchObject({ code: 'database-unreadable' });
  expect(await readFile(path, 'utf8')).toContain('this is no database');
});

it('chains the audit trail: each hash covers the one before', async () => {
  const db = await open();
  await migrate(db, systemClock);
  for (const slug of ['a', 'b', 'c']) {
    await db.transaction().execute((transaction) =>
      recordAudit(transaction, systemClock, {
        type: 'TenantCreatedEvent',
        actor: 'test',
        data: { slug },
      }),
    );
  }
  const rows = await db.selectFrom('audit_events').selectAll().orderBy('seq').execute();
  expect(rows.map(({ previous_hash }) => previous_hash)).toEqual([
    '',
    ...rows.slice(0, -1).map(({ hash }) => hash),
  ]);
  expect(new Set(rows.map(({ hash }) => hash)).size).toBe(3);
});

it('keeps nothing of a transaction that the disk had no room for, and says why', async () => {
  const db = await open();
  await migrate(db, systemClock);
  const limit = (pages: number) => sql`PRAGMA max_page_count = ${sql.lit(pages)}`.execute(db);
  const add = (name: string) =>
    db.transaction().execute(async (transaction) => {
      const row = { status: 'active' as const, region: 'auto', created_at: '', updated_at: '' };
      for (let index = 0; index < 20; index += 1) {
        const id = `${name}-${index}`;
        await transaction
          .insertInto('tenants')
          .values({ ...row, id, slug: id, bucket_name: id, name: 'x'.repeat(20_000) })
          .execute();
      }
    });
  await limit(40);
  const error: unknown = await add('large').catch((thrown: unknown) => thrown);
  expect(toProblem(error)).toMatchObject({ status: 503, code: 'disk-full' });
  const tenants = () => db.selectFrom('tenants').select('id').execute();
  expect(await tenants()).toEqual([]);
  await limit(1_000_000);
  await add('later');
  expect(await tenants()).toHaveLength(20);
});
