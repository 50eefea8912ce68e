import { PostgresAdapter, sql, type QueryExecutorProvider } from 'kysely';

/** For the few things that only one of the two databases has. */
export function isPostgres(db: QueryExecutorProvider): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter;
}

/** Any numbers that other programs in the same database are unlikely to lock. */
const LOCKS = {
  migration: 6_071_331_904,
  audit: 6_071_331_905,
  bootstrap: 6_071_331_906,
  tokens: 6_071_331_907,
};

/**
 * Waits until no other transaction holds this lock, and holds it until ours ends. What is read then
 * is what the one before has committed. On SQLite a transaction is alone anyway.
 */
export async function lockInTransaction(
  transaction: QueryExecutorProvider,
  lock: keyof typeof LOCKS,
): Promise<void> {
  if (!isPostgres(transaction)) return;
  await sql`select pg_advisory_xact_lock(${sql.lit(LOCKS[lock])})`.execute(transaction);
}
