import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { createApiClient } from '../../src/api/client.ts';
import { available } from '../support/available.ts';
import { PASSWORD } from '../support/identity.ts';
import { startServerProcess } from '../support/server-process.ts';
import { startSystemPostgres } from '../support/system-postgres.ts';
import { openWorkspace } from '../support/workspace.ts';

/** The two commands of the reference, as they stand there. */
async function documented(): Promise<{ dump: string; restore: string }> {
  const text = await readFile(resolve(import.meta.dirname, '../../docs/server.md'), 'utf8');
  return { dump: /^pg_dump .*$/m.exec(text)![0], restore: /^pg_restore .*$/m.exec(text)![0] };
}

test.skipIf(!available('pg_dump'))(
  'a dump of PostgreSQL, restored as the reference says: people, keys and an intact audit trail',
  async () => {
    const { dump, restore } = await documented();
    const postgres = await startSystemPostgres();
    const { root, env } = await openWorkspace();
    for (const database of ['first', 'second']) postgres.run('createdb', database);
    const serve = (database: string, key = '42'.repeat(32)) =>
      startServerProcess({
        ...{ ...env, DATABASE_URL: postgres.urlOf(database), CLOUD_SERVER_KEY: key },
        CLOUD_SERVER_DATA: join(root, 'server'),
        CLOUD_SERVER_TOKEN: token,
        CLOUD_SERVER_LOG_LEVEL: 'silent',
      });
    const token = randomBytes(32).toString('hex');
    const bash = (command: string, database: string): string =>
      execFileSync('bash', ['-euo', 'pipefail', '-c', command], {
        ...{ cwd: root, encoding: 'utf8' },
        env: { ...process.env, DATABASE_URL: postgres.urlOf(database) },
      });
    const clientAt = (server: string) => (secret: string) =>
      createApiClient({ server, token: () => Promise.resolve(secret) });

    const original = await serve('first');
    const admin = clientAt(original.url)(token);
    const { api_key } = await admin.createTenant({
      slug: 'acme',
      name: 'Acme',
      issue_api_key: true,
    });
    await admin.createUser({ username: 'ada', password: PASSWORD });
    await admin.addMember('acme', { user: 'ada', role: 'editor' });
    const issued = await clientAt(original.url)(api_key!).createMountCredential({});
    // While the server runs.
    bash(dump, 'first');
    await admin.createTenant({ slug: 'later', name: 'Later' });
    expect(await original.end('SIGTERM')).toBe(0);

    // Into an empty database, and over the one that has gone on since.
    for (const database of ['second', 'first']) {
      bash(restore, database);
      const restored = await serve(database);
      const as = clientAt(restored.url);
      expect((await as(token).listTenants()).tenants.map(({ slug }) => slug)).toEqual(['acme']);
      const ada = await as('').login({ username: 'ada', password: PASSWORD });
      expect((await as(ada.access_token).mountInfo()).bucket_name).toBe(issued.bucket_name);
      const { credentials } = await as(api_key!).listMountCredentials();
      expect(credentials.map(({ id }) => id)).toEqual([issued.id]);
      expect(await as(token).verifyAuditTrail()).toMatchObject({ intact: true });
      expect(await restored.end('SIGTERM')).toBe(0);
    }
    // The key that was kept apart from the dump is the other half of it.
    await expect(serve('second', '43'.repeat(32))).rejects.toThrow('CLOUD_SERVER_KEY');
  },
  180_000,
);
