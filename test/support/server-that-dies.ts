/**
 * `node server-that-dies.ts FOLDER METHOD before|after`: adds the tenant acme, issues it a key, puts an
 * object into its bucket and purges it, with kill -9 at one call to the storage on the way.
 */
import { createApiClient } from '../../src/api/client.ts';
import { toBucketAccess } from '../../src/session/open.ts';
import { objectsOf } from './devices.ts';
import { startTestServer } from './server.ts';
import { withTrouble } from './storage-trouble.ts';

const [dataFolder = '', method, when] = process.argv.slice(2);
const server = await startTestServer({
  dataFolder,
  tenants: ['acme'],
  wrapStorage: (storage) =>
    withTrouble(storage, (called, at) => {
      if (called === method && at === when) process.kill(process.pid, 'SIGKILL');
    }),
});
const clientOf = (token: string) =>
  createApiClient({ server: server.url, token: () => Promise.resolve(token) });
const credential = await clientOf(server.apiKeyOf('acme')).createMountCredential({});
const tenant = { id: credential.tenant_id, slug: 'acme' };
const context = { name: 'test', server: server.url, tenant } as never;
await objectsOf(toBucketAccess(context, credential)).put('a/b.md', 'text');
await clientOf(server.adminToken).purgeTenant('acme', 'acme');
