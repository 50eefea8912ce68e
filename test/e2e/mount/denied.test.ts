import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { createApiClient } from '../../../src/api/client.ts';
import { mountTest, openMountUser, until } from '../../support/mount-user.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['safe', 'fast'] });
});
afterAll(() => server.close());

for (const profile of ['safe', 'fast'] as const) {
  mountTest(
    `a ${profile} mount of a tenant that is denied says why, keeps what is saved, and goes on when it is allowed`,
    async () => {
      const user = await openMountUser(server, profile);
      await user.mount('--profile', profile);
      await writeFile(join(user.folder, 'before.md'), 'before');
      await until(async () => (await user.bucket.text('before.md')) === 'before');
      const admin = createApiClient({
        server: server.url,
        token: () => Promise.resolve(server.adminToken),
      });
      await admin.setTenantPolicy(profile, { policy: 'denied', reason: 'invoice 42 is open' });
      // A safe mount may refuse a new file at once; what it has taken is not lost.
      const save = writeFile(join(user.folder, 'meanwhile.md'), 'saved while denied');
      const isSaved = await save.then(
        () => true,
        () => profile === 'fast' && expect.unreachable('a fast mount takes it'),
      );
      await until(
        async () => (await user.status()).problem?.message.includes('invoice 42') === true,
      );
      const { state, problem } = await user.status();
      expect(state).toBe('degraded');
      expect(problem?.suggestions[0]).toContain('administers the server');
      const { credentialId } = user.record();
      await admin.setTenantPolicy(profile, { policy: 'allowed' });
      await until(async () => (await user.status()).state === 'mounted');
      if (!isSaved) await writeFile(join(user.folder, 'meanwhile.md'), 'saved while denied');
      await until(async () => (await user.bucket.text('meanwhile.md')) === 'saved while denied');
      expect(user.record().credentialId).toBe(credentialId);
      expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
    },
    240_000,
  );
}
