import { sql } from 'kysely';
import { isPostgres } from '../../src/server/db/dialect.ts';
import type { Database } from '../../src/server/db/sqlite.ts';

/** Tables, columns, constraints, indexes and triggers as text, to compare with what is checked in. */
export async function schemaOf(db: Database): Promise<string> {
  if (!isPostgres(db)) {
    const { rows } = await sql<{ sql: string }>`
      select sql from sqlite_schema where sql is not null and name not like 'sqlite_%' order by name
    `.execute(db);
    return rows.map((row) => `${row.sql};\n`).join('\n');
  }
  const { rows } = await sql<{ line: string }>`
    select line from (
      select c.relname as place, 1 as part, a.attnum::int as position,
        format('%s.%s %s%s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
          case when l.collname is null or l.collname = 'default' then '' else ' collate ' || l.collname end,
          case when a.attnotnull then ' not null' else '' end,
          coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''),
          case when a.attidentity = '' then '' else ' identity' end) as line
      from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
      left join pg_collation l on l.oid = a.attcollation
      where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
      union all
      select k.conrelid::regclass::text, 2, 0,
        format('%s: %s', k.conrelid::regclass, pg_get_constraintdef(k.oid))
      from pg_constraint k
      where k.connamespace = current_schema()::regnamespace and k.contype <> 'n'
      union all
      select tablename, 3, 0, indexdef from pg_indexes where schemaname = current_schema()
      union all
      select c.relname, 4, 0, pg_get_triggerdef(t.oid)
      from pg_trigger t join pg_class c on c.oid = t.tgrelid
      where c.relnamespace = current_schema()::regnamespace and not t.tgisinternal
    ) as lines
    order by place collate "C", part, position, line collate "C"`.execute(db);
  return rows.map(({ line }) => `${line}\n`).join('');
}
