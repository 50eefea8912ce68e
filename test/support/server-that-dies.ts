/** `node server-that-dies.ts FOLDER METHOD before|after`: kill -9 at one call to the storage. */
import { createApiClient } from '../../src/api/client.ts';
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
const token = (): Promise<string> => Promise.resolve(server.apiKeyOf('acme'));
await createApiClient({ server: server.url, token }).createMountCredential({});
