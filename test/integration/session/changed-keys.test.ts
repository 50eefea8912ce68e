import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApiClient } from '../../../src/api/client.ts';
import { rotateApiKey } from '../../../src/access/api-keys.ts';
import { ensureBucketKey } from '../../../src/session/bucket-key.ts';
import { openAccount, openSession } from '../../../src/session/open.ts';
import { openSecretStore } from '../../../src/session/secret-store.ts';
import { signIn, signInWithSession } from '../../../src/session/sign-in.ts';
import { signOut, type SignedOut } from '../../../src/session/sign-out.ts';
import { toGrant } from '../../../src/session/tokens.ts';
import { whoAmI } from '../../../src/session/who-am-i.ts';
import { identityClient, PASSWORD } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { openWorkspace } from '../../support/workspace.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme'] });
  await identityClient(server).addUser('ada', 'member', { acme: 'editor' });
});
afterAll(() => server.close());

/** A machine whose bucket key an API key made, and where ada signed in afterwards. */
async function keyOfAnother() {
  const { host } = await openWorkspace();
  const secrets = openSecretStore(host);
  await signIn({ server: server.url, apiKey: server.apiKeyOf('acme'), store: true }, host, secrets);
  const maker = await openSession(host, {}, { secrets });
  const { credentialId } = (await ensureBucketKey(maker, host)).access;
  const asMaker = createApiClient({
    server: server.url,
    token: () => Promise.resolve(server.apiKeyOf('acme')),
  });
  const answer = await createApiClient({ server: server.url }).login({
    ...{ username: 'ada', password: PASSWORD, tenant: 'acme' },
  });
  await signInWithSession({ server: server.url, grant: toGrant(answer) }, host, secrets);
  const out = (): Promise<SignedOut> =>
    signOut(
      host,
      {},
      {
        ...{ secrets, signal: new AbortController().signal },
        ...{ check: () => undefined, revokeKey: () => Promise.resolve(true) },
      },
    );
  return { asMaker, credentialId, out };
}

test("signing out says that somebody else's key of the bucket stays valid", async () => {
  const { asMaker, credentialId, out } = await keyOfAnother();
  expect(await out()).toMatchObject({ context: 'acme', bucket_key: 'refused' });
  const { credentials } = await asMaker.listMountCredentials();
  expect(credentials.map(({ id }) => id)).toContain(credentialId);
});

test("signing out says that somebody else's key is revoked when it was before", async () => {
  const { asMaker, credentialId, out } = await keyOfAnother();
  await asMaker.revokeMountCredential(credentialId);
  expect(await out()).toMatchObject({ context: 'acme', bucket_key: 'revoked' });
});

test('after the rotation of its key a machine is known by the new one at once', async () => {
  const { host } = await openWorkspace();
  const secrets = openSecretStore(host);
  await signIn({ server: server.url, apiKey: server.apiKeyOf('acme'), store: true }, host, secrets);
  const account = await openAccount(host, {}, { secrets });
  const { key, replaced, stored } = await rotateApiKey(account, undefined, undefined);
  expect(stored).toBe(true);
  const { credential } = await whoAmI(account, host);
  expect(credential.id).toBe(key.id);
  expect(credential.id).not.toBe(replaced.id);
});
