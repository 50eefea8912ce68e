import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createApiClient, type ApiClient } from '../../../src/api/client.ts';
import type { AbortError } from '../../../src/output/errors.ts';
import { embeddedStorageKey } from '../../../src/server/domain/master-key.ts';
import type { Database } from '../../../src/server/db/sqlite.ts';
import { StorageError } from '../../../src/server/storage/provider.ts';
import { IamClient } from '../../../src/server/storage/iam-client.ts';
import { createSigner } from '../../../src/server/storage/signed-requests.ts';
import { adjustableClock, type AdjustableClock } from '../../support/adjustable-clock.ts';
import { identityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { openDatabaseOf } from '../../support/test-databases.ts';
import { cut, withTrouble, type Trouble } from '../../support/storage-trouble.ts';

let trouble: Trouble;
let clock: AdjustableClock;
beforeEach(() => {
  trouble = () => undefined;
  // A new one each time: a signature more than 15 minutes off is refused.
  clock = adjustableClock();
});

async function start(): Promise<TestServer> {
  const server = await startTestServer({
    tenants: ['acme'],
    clock,
    wrapStorage: (storage) => withTrouble(storage, (method, when) => trouble(method, when)),
  });
  onTestFinished(() => server.close());
  return server;
}

/** What the storage itself says it holds, asked beside the server. */
async function leaked(server: TestServer): Promise<{ keys: number; policies: number }> {
  const text = await readFile(join(server.dataFolder, 'server.key'), 'utf8');
  const admin = embeddedStorageKey(Buffer.from(text.trim(), 'base64url'));
  const call = async (Action: string): Promise<string> =>
    createSigner(
      admin,
      'iam',
      'auto',
    )({
      action: Action,
      method: 'POST',
      url: `${server.server.storageUrl}/`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ Action, Version: '2010-05-08' }).toString(),
    });
  const count = (text: string, tag: string): number => text.split(`<${tag}>`).length - 1;
  return {
    keys: count(await call('ListAccessKeys'), 'AccessKeyId'),
    policies: count(await call('ListPolicies'), 'PolicyName'),
  };
}

const clientOf = (server: TestServer): ApiClient =>
  createApiClient({ server: server.url, token: () => Promise.resolve(server.apiKeyOf('acme')) });

async function database(server: TestServer): Promise<Database> {
  const db = await openDatabaseOf(server);
  onTestFinished(() => db.destroy());
  return db;
}

const containing = (text: string): unknown => expect.stringContaining(text);

const intents = (db: Database) => db.selectFrom('provisioning_intents').selectAll().execute();

const STEPS = ['createPolicy', 'createAccessKey', 'attachPolicy'] as const;
const ENDS: readonly [string, 'before' | 'after', (step: string) => Error][] = [
  ['refused', 'before', (step) => new StorageError(step, 'AccessDenied', 403)],
  ['throttled', 'before', (step) => new StorageError(step, 'SlowDown', 503)],
  ['not reached', 'before', cut],
  ['reply lost', 'after', cut],
];

describe('an issuance that fails', () => {
  it.each(STEPS.flatMap((step) => ENDS.map((end) => [step, ...end] as const)))(
    'at %s, %s: answers 500 and leaves no key, no policy and no secret',
    async (step, _what, when, error) => {
      const server = await start();
      const db = await database(server);
      trouble = (method, at) => {
        if (method === step && at === when) throw error(step);
      };
      const failure = await clientOf(server)
        .createMountCredential({})
        .catch((thrown: unknown) => thrown as AbortError);
      expect(failure).toMatchObject({
        code: 'credential-generation-failed',
        details: { status: 500 },
      });
      expect(await leaked(server)).toEqual({ keys: 0, policies: 0 });
      const { has_credentials } = await clientOf(server).mountInfo();
      expect(has_credentials).toBe(false);

      // The next attempt works, and in time nothing is left to remember.
      trouble = () => undefined;
      await clientOf(server).createMountCredential({});
      clock.advance(120_000);
      await server.server.recover();
      expect(await intents(db)).toEqual([]);
      expect(await leaked(server)).toEqual({ keys: 1, policies: 1 });
    },
  );

  it('because the key never comes to be known: gives up and takes it back', async () => {
    const server = await start();
    server.objectStore.faults.set({ errorRate: 1, only: ['ListObjectsV2'] });
    await expect(clientOf(server).createMountCredential({})).rejects.toThrow(/KeyNotUsable/);
    expect(await leaked(server)).toEqual({ keys: 0, policies: 0 });
  });

  it('waits for a key that is known a little later', async () => {
    const server = await start();
    server.objectStore.faults.set({ errorRate: 1, only: ['ListObjectsV2'] });
    let asked = 0;
    trouble = (method, when) => {
      if (method === 'canList' && when === 'after' && (asked += 1) === 3) {
        server.objectStore.faults.clear();
      }
    };
    await clientOf(server).createMountCredential({});
    expect(asked).toBe(4);
  });

  it('and cannot clean up: a later round does, and is seen to', async () => {
    const server = await start();
    const db = await database(server);
    let down = false;
    trouble = (method, when) => {
      if (method === 'createAccessKey' && when === 'after') down = true;
      if (down) throw cut(method);
    };
    await expect(clientOf(server).createMountCredential({})).rejects.toThrow();
    expect(await leaked(server)).toEqual({ keys: 1, policies: 1 });
    expect(await intents(db)).toMatchObject([
      { kind: 'mount_credential', attempts: 1, last_error: containing('Unreachable') },
    ]);
    trouble = () => undefined;
    await server.server.recover();
    expect(await leaked(server)).toEqual({ keys: 0, policies: 0 });
    const events = await db.selectFrom('audit_events').select('type').execute();
    expect(events.map(({ type }) => type)).toContain('MountCredentialOrphanedEvent');
  });

  it('because the tenant was denied meanwhile: 403, and the key is taken back', async () => {
    const server = await start();
    const db = await database(server);
    trouble = async (method, when) => {
      if (method === 'attachPolicy' && when === 'after') {
        await db.updateTable('tenant_policies').set({ policy: 'denied' }).execute();
      }
    };
    const failure = await clientOf(server)
      .createMountCredential({})
      .catch((thrown: unknown) => thrown as AbortError);
    expect(failure).toMatchObject({ code: 'tenant-denied' });
    expect(await leaked(server)).toEqual({ keys: 0, policies: 0 });
  });
});

describe('keys that are not ours', () => {
  it('are never touched by recovery', async () => {
    const server = await start();
    const text = await readFile(join(server.dataFolder, 'server.key'), 'utf8');
    const admin = embeddedStorageKey(Buffer.from(text.trim(), 'base64url'));
    const { storageUrl } = server.server;
    const iam = new IamClient(storageUrl, createSigner(admin, 'iam', 'auto'));
    await iam.createAccessKey('the key of somebody');
    trouble = (method, when) => {
      if (method === 'attachPolicy' && when === 'before') throw cut(method);
    };
    await expect(clientOf(server).createMountCredential({})).rejects.toThrow();
    trouble = () => undefined;
    await server.server.recover();
    expect(await leaked(server)).toEqual({ keys: 1, policies: 0 });
  });
});

describe('a revocation that the storage does not confirm', () => {
  it('says so, takes the credential off the list, and is finished later', async () => {
    const server = await start();
    const db = await database(server);
    const client = clientOf(server);
    const { id } = await client.createMountCredential({});
    trouble = (method) => {
      if (method === 'deletePolicy') throw cut(method);
    };
    const revoke = async () => {
      const response = await fetch(`${server.url}/tenant/mount/credentials/${id}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${server.apiKeyOf('acme')}` },
      });
      return { status: response.status, text: await response.text() };
    };
    expect(await revoke()).toMatchObject({
      status: 503,
      text: containing('revocation-pending'),
    });
    expect(await client.listMountCredentials()).toEqual({ credentials: [] });
    const status = async () => {
      const row = await db
        .selectFrom('tenant_mount_credentials')
        .select(['tigris_deletion_status', 'deletion_attempts', 'deletion_last_error'])
        .where('id', '=', id)
        .executeTakeFirstOrThrow();
      return row;
    };
    expect(await status()).toMatchObject({ tigris_deletion_status: 'pending' });
    for (let attempt = 2; attempt <= 6; attempt += 1) await server.server.recover();
    expect(await status()).toMatchObject({ tigris_deletion_status: 'failed' });
    trouble = () => undefined;
    expect(await revoke()).toMatchObject({ status: 204 });
    expect(await status()).toMatchObject({
      tigris_deletion_status: 'completed',
      deletion_last_error: null,
    });
    expect(await leaked(server)).toEqual({ keys: 0, policies: 0 });
  });

  it('is not waited for key by key when somebody with several is deactivated', async () => {
    const server = await start();
    const client = identityClient(server);
    const ada = await client.addUser('ada', 'member', { acme: 'editor' });
    const { access_token: token } = await client.login('ada');
    for (let key = 1; key <= 3; key += 1) {
      const { status } = await client.call('POST', '/tenant/mount/credentials', token);
      expect(status).toBe(201);
    }
    let asked = 0;
    trouble = (method) => {
      asked += 1;
      throw cut(method);
    };
    const path = `/api/v1/admin/users/${ada.id}/deactivate`;
    expect((await client.call('POST', path, server.adminToken)).status).toBe(200);
    expect(asked).toBe(1);
    trouble = () => undefined;
    await server.server.recover();
    expect(await leaked(server)).toEqual({ keys: 0, policies: 0 });
  });
});
