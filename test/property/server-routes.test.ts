import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme'] });
});
afterAll(() => server.close());

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const PATHS = [
  '/tenant/mount/info',
  '/tenant/mount/credentials',
  '/tenant/mount/credentials/x',
  '/tenant/mount/credentials/x/confirm',
  '/api/v1/auth/token',
  '/api/v1/auth/me',
  '/api/v1/admin/tenants',
  '/api/v1/auth/login',
  '/api/v1/auth/password',
  '/api/v1/auth/device_authorization',
  '/api/v1/auth/revoke',
  '/api/v1/auth/sessions',
  '/api/v1/auth/sessions/x',
  '/api/v1/api-keys',
  '/api/v1/api-keys/x/rotate',
  '/api/v1/admin/issuers',
  '/api/v1/admin/issuers/x',
  '/api/v1/admin/issuers/x/identities',
  '/api/v1/admin/users',
  '/api/v1/admin/users/x',
  '/api/v1/admin/users/x/reset-password',
  '/api/v1/admin/tenants/acme/members',
  '/api/v1/admin/tenants/acme/members/x',
  '/tenant/mount/credentials/x/rotate',
  '/tenant/snapshots',
  '/tenant/sync',
  '/tenant/versions',
  '/webhooks/tigris/x',
  '/healthz',
] as const;
const TYPES = ['application/json', 'application/x-www-form-urlencoded', 'text/plain', 'x'] as const;

const body = fc.oneof(
  fc.json(),
  fc.string(),
  fc
    .record(
      {
        slug: fc.oneof(fc.string(), fc.constantFrom('acme', 'ACME')),
        name: fc.oneof(fc.string(), fc.integer()),
        permission: fc.oneof(fc.constantFrom('rw', 'ro'), fc.string()),
        // No valid life together with a valid rest: each would be a key at the storage.
        expires_in: fc.oneof(fc.integer({ max: 59 }), fc.string(), fc.double()),
        prefix: fc.string(),
        username: fc.string(),
        password: fc.string({ maxLength: 11 }),
        role: fc.string(),
        label: fc.string(),
        tenant: fc.oneof(fc.constant(null), fc.string()),
        changes: fc.array(fc.object(), { maxLength: 2 }),
      },
      { requiredKeys: ['expires_in'] },
    )
    .map((value) => JSON.stringify(value)),
);

it('never answers 5xx and never shows a secret, whatever it is sent', async () => {
  const credentials = ['', `Bearer ${server.apiKeyOf('acme')}`, `Bearer ${server.adminToken}`];
  const secrets = [server.apiKeyOf('acme'), server.adminToken];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...METHODS),
      fc.oneof(fc.constantFrom(...PATHS), fc.webPath()),
      fc.constantFrom(...TYPES),
      fc.constantFrom(...credentials),
      body,
      async (method, path, type, authorization, text) => {
        const response = await fetch(server.url + path, {
          method,
          headers: {
            'content-type': type,
            ...(authorization === '' ? {} : { authorization }),
          },
          ...(method === 'GET' ? {} : { body: text }),
        });
        const answer = await response.text();
        expect(response.status).toBeLessThan(500);
        for (const secret of secrets) expect(answer).not.toContain(secret);
        if (response.status >= 400) {
          const problem = JSON.parse(answer) as { code?: string; error?: string };
          expect(problem.code ?? problem.error).toMatch(/^[a-z_-]+$/);
        }
      },
    ),
    { numRuns: 400 },
  );
});
