import type { CompiledQuery, Kysely } from 'kysely';
import { isPostgres } from './dialect.ts';
import type { Schema } from './schema.ts';

type Build<Name extends string, Row> = (
  db: Kysely<Schema>,
  values: Record<Name, string>,
) => { compile(): CompiledQuery<Row> };

/**
 * A query that is built once for each database: on the way of every request, building takes longer
 * than a small read itself. `build` gets a stand-in for each value and must only pass it on.
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
  return async (db, values) => {
    const dialect = isPostgres(db);
    const query = built.get(dialect) ?? build(db, standIns).compile();
    built.set(dialect, query);
    const parameters = query.parameters.map((parameter) => {
      const name = nameOf.get(parameter);
      return name === undefined ? parameter : values[name];
    });
    return (await db.executeQuery<Row>({ ...query, parameters })).rows;
  };
}
