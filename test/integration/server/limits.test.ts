import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApiClient, type ApiClient } from '../../../src/api/client.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { identityClient, type Answer, type IdentityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let client: IdentityClient;
let admin: ApiClient;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme', 'busy'] });
  client = identityClient(server);
  admin = createApiClient({ server: server.url, token: () => Promise.resolve(server.adminToken) });
});
afterAll(() => server.close());

const KEYS = '/tenant/mount/credentials';
const many = (send: () => Promise<Answer>) => Promise.all(Array.from({ length: 20 }, send));
function outcome(answers: Answer[]): { made: number; refused: unknown[] } {
  const refused = answers.filter(({ status }) => status !== 201);
  const seen = refused.map(({ body }) => [body['status'], body['code'], body['limit']].join(' '));
  return { made: answers.length - refused.length, refused: [...new Set(seen)] };
}

describe('of twenty requests at once no more pass than there is room for', () => {
  it('for the bucket keys of a tenant; a rotation meets no limit', async () => {
    await admin.changeTenant('acme', { limits: { mount_credentials: 5 } });
    const key = server.apiKeyOf('acme');
    const answers = await many(() => client.call('POST', KEYS, key));
    expect(outcome(answers)).toEqual({ made: 5, refused: ['409 credential-limit 5'] });
    const made = answers.find(({ status }) => status === 201)!;
    const rotated = await client.call('POST', `${KEYS}/${String(made.body['id'])}/rotate`, key);
    expect(rotated.status).toBe(201);
    // While both are there they count as one.
    expect((await client.call('POST', KEYS, key)).body).toMatchObject({ limit: 5 });
    await client.call('DELETE', `${KEYS}/${String(made.body['id'])}`, key);
    expect((await client.call('POST', KEYS, key)).status).toBe(409);
    await client.call('DELETE', `${KEYS}/${String(rotated.body['id'])}`, key);
    expect((await client.call('POST', KEYS, key)).status).toBe(201);
  });

  it('for the bucket keys of one user, which others do not feel', async () => {
    await admin.changeTenant('busy', { limits: { mount_credentials_per_user: 3 } });
    await client.addUser('ada', 'member', { busy: 'editor' });
    await client.addUser('ben', 'member', { busy: 'editor' });
    const [ada, ben] = [await client.login('ada'), await client.login('ben')];
    const answers = await many(() => client.call('POST', KEYS, ada.access_token));
    expect(outcome(answers)).toEqual({ made: 3, refused: ['409 user-credential-limit 3'] });
    expect((await client.call('POST', KEYS, ben.access_token)).status).toBe(201);
    expect((await client.call('POST', KEYS, server.apiKeyOf('busy'))).status).toBe(201);
  });

  it('for tokens of a tenant and of the server', async () => {
    await admin.changeTenant('acme', { limits: { tokens: 4 } });
    const path = '/api/v1/admin/tokens';
    const add = (tenant: string | null) => () =>
      client.call('POST', path, server.adminToken, {
        label: 'x',
        tenant,
        scopes: tenant === null ? ['users'] : ['mount'],
      });
    // One is there already.
    expect(outcome(await many(add('acme')))).toEqual({ made: 3, refused: ['409 token-limit 4'] });
    const instance = [
      ...(await many(add(null))),
      ...(await many(add(null))),
      ...(await many(add(null))),
    ];
    expect(outcome(instance)).toEqual({ made: 49, refused: ['409 token-limit 50'] });
  });
});

it('requests of one credential are limited a minute, and those of others not by it', async () => {
  const clock = adjustableClock();
  await using limited = await startTestServer({
    tenants: ['acme', 'other'],
    clock,
    env: { CLOUD_SERVER_REQUESTS_A_MINUTE: '20' },
  });
  const one = identityClient(limited);
  const info = (slug: string) => one.call('GET', '/tenant/mount/info', limited.apiKeyOf(slug));
  const answers = await Promise.all(Array.from({ length: 25 }, () => info('acme')));
  const refused = answers.filter(({ status }) => status !== 200);
  expect(refused).toHaveLength(5);
  expect(refused[0]).toMatchObject({ status: 429, body: { code: 'too-many-requests', limit: 20 } });
  expect(refused[0]?.headers.get('retry-after')).toBe('3');
  expect((await info('other')).status).toBe(200);
  clock.advance(3000);
  expect((await info('acme')).status).toBe(200);
  expect((await info('acme')).status).toBe(429);
});
