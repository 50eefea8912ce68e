import { hash } from 'node:crypto';
import type { CompiledQuery, Kysely } from 'kysely';
import { isPostgres } from './dialect.ts';
import type { Schema } from './schema.ts';

type Build<Name extends string, Row> = (
  db: Kysely<Schema>,
  values: Record<Name, string>,
) => { compile(): CompiledQuery<Row> };

const statements = new Map<string, string>();

/** The name under which each connection to PostgreSQL keeps this text parsed and planned. */
export function statementName(sql: string): string | undefined {
  return statements.get(sql);
}

/**
 * A query that is built once for each database: on the way of every request, building takes longer
 * than a small read itself, and on PostgreSQL planning takes longer than both.
 *
 * @param build gets a stand-in for each value and must only pass it on; and it must name its columns,
 *   since PostgreSQL refuses a plan whose `*` has grown by the migration of a newer process
 */
export function prepare<Name extends string, Row>(
  names: readonly Name[],
  build: Build<Name, Row>,
): (db: Kysely<Schema>, values: Record<Name, string>) => Promise<readonly Row[]> {
  const standIns = Object.fromEntries(names.map((name) => [name, `\0${name}`])) as Record<
    Name,
    string
  >;
  const nameOf = new Map<unknown, Name>(names.map((name) => [standIns[name], name]));
  const built = new Map<boolean, CompiledQuery<Row>>();
  const compile = (db: Kysely<Schema>): CompiledQuery<Row> => {
    const query = build(db, standIns).compile();
    statements.set(query.sql, `cloud_${hash('sha256', query.sql).slice(0, 32)}`);
    return query;
  };
  return async (db, values) => {
    const dialect = isPostgres(db);
    const query = built.get(dialect) ?? compile(db);
    built.set(dialect, query);
    const parameters = query.parameters.map((parameter) => {
      const name = nameOf.get(parameter);
      return name === undefined ? parameter : values[name];
    });
    return (await db.executeQuery<Row>({ ...query, parameters })).rows;
  };
}
