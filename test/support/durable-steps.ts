import {
  PostgresDriver,
  SqliteDriver,
  TableNode,
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
} from 'kysely';
import type { Trouble } from './storage-trouble.ts';

/**
 * Called before and after everything that outlives the process: a call to the storage (`deletePolicy`) and
 * a commit (`commit tenants + tenant_policies`, after the tables that it wrote).
 */
export type OnStep = (step: string, when: 'before' | 'after') => Promise<void>;

/** What jobs and the trail write by themselves comes when it likes. */
const BESIDE = new Set(['audit_events', 'audit_head', 'job_leases', 'rate_limits', 'credentials']);
/** A call that only asks leaves everything as it was. */
const CHANGES = /^(?:create|delete|destroy|attach|set)/;

export function stepsAtStorage(onStep: OnStep): Trouble {
  return async (method, when) => {
    if (CHANGES.test(method)) await onStep(method, when);
  };
}

/** Watches the connections of every database that this process opens from now on. */
export function watchCommits(onStep: OnStep): void {
  const written = new WeakMap<DatabaseConnection, Set<string>>();
  const watched = new WeakSet<DatabaseConnection>();
  const drivers: Driver[] = [SqliteDriver.prototype, PostgresDriver.prototype];
  for (const driver of drivers) {
    const { acquireConnection, beginTransaction, commitTransaction, rollbackTransaction } = driver;
    driver.acquireConnection = async function (...args) {
      const connection = await acquireConnection.apply(this, args);
      if (watched.has(connection)) return connection;
      watched.add(connection);
      const execute = connection.executeQuery.bind(connection);
      connection.executeQuery = async <R>(query: CompiledQuery) => {
        const table = writtenTable(query);
        const transaction = written.get(connection);
        if (table !== undefined) transaction?.add(table);
        if (table === undefined || transaction !== undefined) return execute<R>(query);
        return around(onStep, [table], () => execute<R>(query));
      };
      return connection;
    };
    driver.beginTransaction = async function (connection, settings) {
      await beginTransaction.call(this, connection, settings);
      written.set(connection, new Set());
    };
    driver.commitTransaction = async function (connection) {
      const tables = [...(written.get(connection) ?? [])];
      await around(onStep, tables, () => commitTransaction.call(this, connection));
      written.delete(connection);
    };
    driver.rollbackTransaction = async function (connection) {
      written.delete(connection);
      await rollbackTransaction.call(this, connection);
    };
  }
}

async function around<T>(
  onStep: OnStep,
  tables: readonly string[],
  task: () => Promise<T>,
): Promise<T> {
  if (tables.length === 0) return task();
  const step = `commit ${tables.toSorted().join(' + ')}`;
  await onStep(step, 'before');
  const result = await task();
  await onStep(step, 'after');
  return result;
}

function writtenTable({ query }: CompiledQuery): string | undefined {
  const node =
    query.kind === 'InsertQueryNode'
      ? query.into
      : query.kind === 'UpdateQueryNode'
        ? query.table
        : query.kind === 'DeleteQueryNode'
          ? query.from.froms[0]
          : undefined;
  if (node === undefined || !TableNode.is(node)) return undefined;
  const table = node.table.identifier.name;
  return BESIDE.has(table) ? undefined : table;
}
