import { createServer, type AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { systemClock } from '../../src/platform/clock.ts';
import { migrate } from '../../src/server/db/migrate.ts';
import { openPostgres } from '../../src/server/db/postgres.ts';
import { inDatabase, query, TEMPLATE } from './test-databases.ts';
import { startPostgres, type RunningPostgres } from './running-postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Whoever connects there is told the address of the run's PostgreSQL. */
    postgresPort: number;
  }
}

/** One PostgreSQL for the whole run, started when the first test asks. @returns ends it */
export async function lendPostgres(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<RunningPostgres> | undefined;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    starting ??= startWithTemplate();
    starting.then(
      ({ url }) => socket.end(url),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        socket.destroy();
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  project.provide('postgresPort', (server.address() as AddressInfo).port);
  return async () => {
    server.close();
    const postgres = await starting?.catch(() => undefined);
    await postgres?.[Symbol.asyncDispose]();
  };
}

/** Servers of tests begin with a copy of a migrated database. */
async function startWithTemplate(): Promise<RunningPostgres> {
  const postgres = await startPostgres();
  try {
    await query(postgres.url, `create database ${TEMPLATE}`);
    const url = inDatabase(postgres.url, TEMPLATE);
    const { db } = await openPostgres({ kind: 'postgres', url, name: TEMPLATE, poolSize: 1 });
    await migrate(db, systemClock);
    await db.destroy();
  } catch (error) {
    await postgres[Symbol.asyncDispose]();
    throw error;
  }
  return postgres;
}
