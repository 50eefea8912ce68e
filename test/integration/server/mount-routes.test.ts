import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApiClient } from '../../../src/api/client.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

describe('SPEC-8 routes', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ tenants: ['acme', 'other'] });
  });
  afterAll(() => server.close());

  it('issues', async () => {
    const client = createApiClient({
      server: server.url,
      token: () => Promise.resolve(server.apiKeyOf('acme')),
    });
    const made = await client.createMountCredential({});
    await client.confirmMountCredential(made.id);
    await client.revokeMountCredential(made.id);
    expect(await client.mountInfo()).toMatchObject({ has_credentials: false });
  });
});
