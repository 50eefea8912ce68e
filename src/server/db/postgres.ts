import {
  Kysely,
  PostgresAdapter,
  PostgresDialect,
  PostgresQueryCompiler,
  RawNode,
  type ColumnDefinitionNode,
  type Dialect,
  type PostgresPoolClient,
  type TransactionBuilder,
} from 'kysely';
import type { Client, CustomTypesConfig, Pool, PoolClient, PoolConfig } from 'pg';
import type { PostgresSettings } from '../settings.ts';
import { ServerStartError } from '../errors.ts';
import { DatabaseUnavailableError, isRepeatable, sqlState } from './database-errors.ts';
import { statementName } from './prepared.ts';
import type { Schema } from './schema.ts';
import type { Database } from './sqlite.ts';

/** Milliseconds. A query that takes longer than these has gone wrong, here or at the database. */
const CONNECT_MS = 5_000;
const STATEMENT_MS = 15_000;
/** Ours, for a database that does not even say that it gave up. */
const ANSWER_MS = 20_000;
const IDLE_IN_TRANSACTION_MS = 30_000;
const IDLE_MS = 30_000;
const INT8 = 20;

/** What a transaction that met another one is tried altogether. */
const TRIES = 6;
const PAUSE_MS = 15;

export interface Postgres {
  db: Database;
  pool: Pool;
  /** A connection of its own, outside the pool and without time-outs for statements. */
  client(): Client;
}

/**
 * Opens a pool and asks the database once.
 *
 * @throws ServerStartError `database-unreachable`, without the password
 */
export async function openPostgres(settings: PostgresSettings): Promise<Postgres> {
  const { default: pg } = await import('pg');
  const types = new pg.TypeOverrides();
  // Counts fit in a number; everything else is text or a 32-bit integer.
  types.setTypeParser(INT8, Number);
  const config = configOf(settings, types);
  const pool = new pg.Pool({
    ...config,
    max: settings.poolSize,
    idleTimeoutMillis: IDLE_MS,
    statement_timeout: STATEMENT_MS,
    query_timeout: ANSWER_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
  });
  // An idle connection that breaks is replaced when it is needed; unheard, its error ends the process.
  pool.on('error', () => undefined);
  try {
    await pool.query('select 1');
  } catch (cause) {
    await pool.end();
    throw unreachable(settings, cause);
  }
  return {
    db: new PatientKysely({ dialect: dialectOf(pool) }),
    pool,
    client: () => new pg.Client(config),
  };
}

function configOf({ url }: PostgresSettings, types: CustomTypesConfig): PoolConfig {
  return {
    // `sslmode` means what it means everywhere else (libpq), without a warning on our output.
    connectionString: `${url}${url.includes('?') ? '&' : '?'}uselibpqcompat=true`,
    application_name: 'cloud-server',
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types,
  };
}

function unreachable(settings: PostgresSettings, cause: unknown): ServerStartError {
  const reason = sqlState(cause) ?? codeOf(cause) ?? 'no answer';
  return new ServerStartError(
    'database-unreachable',
    `The database ${settings.name} cannot be used (${reason}).`,
    { suggestions: ['Check DATABASE_URL, and that PostgreSQL runs there.'], cause },
  );
}

/** What may be repeated is repeated, so that nobody outside has to know of deadlocks. */
class PatientKysely extends Kysely<Schema> {
  override transaction(): TransactionBuilder<Schema> {
    const builder = super.transaction();
    const once = builder.execute.bind(builder);
    builder.execute = async (callback) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await once(callback);
        } catch (error) {
          if (attempt === TRIES || !isRepeatable(error)) throw error;
        }
        await new Promise((resolve) =>
          setTimeout(resolve, Math.random() * PAUSE_MS * 2 ** attempt),
        );
      }
    };
    return builder;
  }
}

function dialectOf(pool: Pool): Dialect {
  const dialect = new PostgresDialect({
    pool: {
      options: pool.options,
      connect: async () => reporting(await unavailable(() => pool.connect())),
      end: () => pool.end(),
    },
  });
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => dialect.createDriver(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => new BytewiseQueryCompiler(),
  };
}

const known = new WeakMap<PoolClient, PostgresPoolClient>();

/** The client with its lost connections told from what the database refuses. */
function reporting(client: PoolClient): PostgresPoolClient {
  const existing = known.get(client);
  if (existing !== undefined) return existing;
  // While it is lent out nobody else listens; the query that runs on it is told as well.
  client.on('error', () => undefined);
  const query = (text: string, values: readonly unknown[]) => {
    const name = statementName(text);
    return unavailable(() =>
      client.query({ text, values: [...values], ...(name === undefined ? {} : { name }) }),
    );
  };
  const wrapped = {
    query,
    release: () => client.release(),
  } as unknown as PostgresPoolClient;
  known.set(client, wrapped);
  return wrapped;
}

async function unavailable<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    // What PostgreSQL itself says has a state; anything else is the way to it.
    throw sqlState(error) === undefined ? new DatabaseUnavailableError(error) : error;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

/**
 * Text sorts by its bytes, as on SQLite, whatever the database's locale; and a number that counts
 * up is an identity.
 */
class BytewiseQueryCompiler extends PostgresQueryCompiler {
  protected override visitColumnDefinition(node: ColumnDefinitionNode): void {
    const { autoIncrement = false, dataType, ...column } = node;
    super.visitColumnDefinition({
      ...column,
      dataType:
        dataType.kind === 'DataTypeNode' && 'dataType' in dataType && dataType.dataType === 'text'
          ? RawNode.createWithSql('text collate "C"')
          : dataType,
      ...(autoIncrement
        ? { generated: { kind: 'GeneratedNode', byDefault: true, identity: true } }
        : {}),
    });
  }
}
