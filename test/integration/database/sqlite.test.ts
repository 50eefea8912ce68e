import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/platform/clock.ts';
import { migrate } from '../../../src/server/db/migrate.ts';
import { openSqlite, type Database } from '../../../src/server/db/sqlite.ts';
import { toProblem } from '../../../src/server/plugins/problems.ts';
import { openWorkspace } from '../../support/workspace.ts';

async function open(): Promise<Database> {
  const { root } = await openWorkspace();
  const db = await openSqlite(join(root, 'server.sqlite'));
  onTestFinished(() => db.destroy());
  return db;
}

it('is in WAL, durable, and has its references checked', async () => {
  const db = await open();
  await migrate(db, systemClock);
  const pragma = async (name: string): Promise<unknown[]> => {
    const { rows } = await sql<Record<string, unknown>>`PRAGMA ${sql.raw(name)}`.execute(db);
    return Object.values(rows[0] ?? {});
  };
  expect(await pragma('journal_mode')).toEqual(['wal']);
  expect(await pragma('synchronous')).toEqual([2]);
  expect(await pragma('foreign_keys')).toEqual([1]);
});

it('says of a file that is no database that it cannot be opened', async () => {
  const { root } = await openWorkspace();
  const path = join(root, 'server.sqlite');
  await writeFile(path, 'this is no database'.repeat(100));
  await expect(openSqlite(path)).rejects.toMatchObject({ code: 'database-unreadable' });
  expect(await readFile(path, 'utf8')).toContain('this is no database');
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
