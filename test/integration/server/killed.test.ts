import { fileURLToPath } from 'node:url';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { MountCredentialWithSecret } from '../../../src/api/contract/mount.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { HELD_MS } from '../../../src/server/domain/intents.ts';
import type { TigrisStorage } from '../../../src/server/storage/tigris-storage.ts';
import { adjustableClock, type AdjustableClock } from '../../support/adjustable-clock.ts';
import { identityClient } from '../../support/identity.ts';
import {
  clientsOf,
  SCENARIOS,
  type Before,
  type Clients,
  type Scenario,
  type ScenarioName,
} from '../../support/kill-scenarios.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import type { Place } from '../../support/servers-that-die.ts';
import { cut, withTrouble, type Trouble } from '../../support/storage-trouble.ts';
import { storageInside } from '../../support/storage-inside.ts';
import {
  databaseEnvironment,
  dropDatabaseOf,
  openDatabaseOf,
} from '../../support/test-databases.ts';

/** A server that runs again where one was killed, with everything done that it does by itself. */
interface Again extends Clients {
  server: TestServer;
  before: Before;
  /** Steps that were done. */
  done: number;
  storage: TigrisStorage;
}

type Check = (again: Again) => Promise<void>;

const program = fileURLToPath(new URL('../../support/servers-that-die.ts', import.meta.url));

const opens = (storage: TigrisStorage, key: MountCredentialWithSecret): Promise<boolean> =>
  storage.canList(
    { accessKeyId: key.access_key, secretAccessKey: key.secret_key },
    key.bucket_name,
    '',
  );

const CHECKS: Record<ScenarioName, Check> = {
  'issues a key': async ({ acme, storage, done }) => {
    // Its answer was lost: it is in the list, to be revoked there.
    const { credentials } = await acme.listMountCredentials();
    expect(credentials).toHaveLength(done > 4 ? 1 : 0);
    for (const { id } of credentials) await acme.revokeMountCredential(id);
    expect(await opens(storage, await acme.createMountCredential({}))).toBe(true);
    expect(await storage.listAccessKeys()).toHaveLength(1);
  },

  'revokes a key': async ({ server, acme, storage, before, done }) => {
    const key = before.credentials[0]!;
    const revoked = done > 0;
    expect((await acme.listMountCredentials()).credentials).toHaveLength(revoked ? 0 : 1);
    expect(await opens(storage, key)).toBe(!revoked);
    await acme.revokeMountCredential(key.id);
    expect(await opens(storage, key)).toBe(false);
    expect(await storage.listAccessKeys()).toEqual([]);
    expect(await eventsOf(server, 'MountCredentialRevokedEvent')).toHaveLength(1);
  },

  'replaces a key whose successor nobody took': async ({ acme, storage, before }) => {
    const old = before.credentials[0]!;
    expect(await opens(storage, old)).toBe(true);
    const successor = await acme.rotateMountCredential(old.id);
    expect(successor.replaces).toBe(old.id);
    expect(await opens(storage, successor)).toBe(true);
    const ids = (await acme.listMountCredentials()).credentials.map(({ id }) => id);
    expect(ids).toEqual([successor.id, old.id]);
    await acme.confirmMountCredential(successor.id);
    await acme.revokeMountCredential(old.id);
    expect(await opens(storage, old)).toBe(false);
    expect(await opens(storage, successor)).toBe(true);
  },

  'adds a tenant': async ({ server, admin, done }) => {
    const body = { slug: 'newcomer', name: 'Newcomer' };
    if (done > 3) {
      // Its answer was lost; who asks again is told, and it is all there.
      await expect(admin.createTenant(body)).rejects.toMatchObject({ code: 'slug-taken' });
    } else {
      await admin.createTenant(body);
    }
    const client = identityClient(server);
    await client.addUser('ada', 'member', { newcomer: 'editor' });
    const { access_token: token } = await client.login('ada', { tenant: 'newcomer' });
    const { status, body: key } = await client.call('POST', '/tenant/mount/credentials', token);
    expect(status).toBe(201);
    const storage = await storageInside(server);
    expect(await opens(storage, key as unknown as MountCredentialWithSecret)).toBe(true);
  },

  'denies a tenant': async ({ admin, storage, before, done }) => {
    const key = before.credentials[0]!;
    expect(await opens(storage, key)).toBe(done === 0);
    await admin.setTenantPolicy('acme', { policy: 'denied' });
    expect(await opens(storage, key)).toBe(false);
    await admin.setTenantPolicy('acme', { policy: 'allowed' });
    expect(await opens(storage, key)).toBe(true);
  },

  'allows a tenant again': async ({ admin, acme, storage, before, done }) => {
    const key = before.credentials[0]!;
    expect(await opens(storage, key)).toBe(done > 0);
    await admin.setTenantPolicy('acme', { policy: 'allowed' });
    await acme.confirmMountCredential(key.id);
    expect(await opens(storage, key)).toBe(true);
  },

  'purges a tenant': async ({ admin, storage, before, done }) => {
    const key = before.credentials[0]!;
    expect(await opens(storage, key)).toBe(done === 0);
    if (done === 0) await admin.purgeTenant('acme', 'acme');
    expect((await admin.listTenants()).tenants).toEqual([]);
    expect(await storage.listBuckets('')).toEqual([]);
    await admin.createTenant({ slug: 'acme', name: 'Another' });
  },
};

/** Whoever sleeps takes the time for it, so that a request waits for what it has begun. */
const movableClock = (): AdjustableClock => ({ ...adjustableClock(), sleep: systemClock.sleep });

/**
 * Killed before a step or after the one before it, a server leaves the same, unless the step is a
 * transaction: then the database has seen it, and has to take it back.
 */
const stopsOf = (steps: readonly string[]): NonNullable<Place['stop']>[] =>
  steps.flatMap((step, index) => [
    ...(index === 0 || step.includes(' + ') ? [{ index, when: 'before' as const }] : []),
    { index, when: 'after' as const },
  ]);

describe.each(Object.keys(SCENARIOS) as ScenarioName[])('a server that %s', (name) => {
  const { steps } = SCENARIOS[name];
  const stops = [undefined, ...stopsOf(steps)];
  const folders = new Map<Place['stop'], string>();

  beforeAll(async () => {
    const places: Place[] = [];
    for (const stop of stops) {
      const dataFolder = await mkdtemp(join(tmpdir(), 'cloud-killed-'));
      const { DATABASE_URL: databaseUrl } = await databaseEnvironment(dataFolder);
      places.push({ dataFolder, databaseUrl, stop });
      folders.set(stop, dataFolder);
    }
    const child = spawn(process.execPath, [program, name, JSON.stringify(places)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect(signal).toBe('SIGKILL');
  });

  afterAll(async () => {
    for (const folder of folders.values()) {
      await dropDatabaseOf(folder);
      await rm(folder, { recursive: true, force: true });
    }
  });

  const read = async (stop: Place['stop'], file: string): Promise<unknown> =>
    JSON.parse(await readFile(join(folders.get(stop)!, file), 'utf8')) as unknown;

  it('does what is listed, and nothing beside it', async () => {
    expect(await read(undefined, 'steps.json')).toEqual(steps);
  });

  it.each(stopsOf(steps).map((stop) => [stop.when, steps[stop.index], stop] as const))(
    'killed %s "%s", leaves nothing half done',
    async (when, _step, { index }) => {
      const stop = stops.find((each) => each?.index === index && each.when === when);
      expect(await read(stop, 'steps.json')).toEqual(steps.slice(0, index + 1));
      const clock = movableClock();
      const server = await startTestServer({ dataFolder: folders.get(stop)!, clock });
      onTestFinished(() => server.close());
      const before = (await read(stop, 'before.json')) as Before;
      await expectMended(name, server, clock, before, when === 'after' ? index + 1 : index);
    },
  );

  it.each(steps.filter((step) => !step.startsWith('commit')))(
    'hears no answer to "%s" and nothing more from the storage, leaves nothing half done',
    async (step) => {
      const clock = movableClock();
      let trouble: Trouble = () => undefined;
      const server = await startTestServer({
        ...{ clock, tenants: ['acme'] },
        wrapStorage: (storage) => withTrouble(storage, (...at) => trouble(...at)),
      });
      onTestFinished(() => server.close());
      const before: Before = { apiKey: server.apiKeyOf('acme'), credentials: [] };
      const clients = clientsOf(server, before.apiKey);
      await (SCENARIOS[name] as Scenario).prepare?.(clients, before);
      let silent = false;
      trouble = (method, when) => {
        silent ||= method === step && when === 'after';
        if (silent) throw cut(method);
      };
      await SCENARIOS[name].act(clients, before).catch(() => undefined);
      expect(silent).toBe(true);
      trouble = () => undefined;
      await expectMended(name, server, clock, before, isKept(steps) ? steps.length : 0);
    },
  );
});

/** What begins with a commit of its own goes on; what begins with an intent is taken back. */
const isKept = ([first]: readonly string[]): boolean => first !== 'commit provisioning_intents';

/** Lets the server do everything that it does by itself, and looks at what there is then. */
async function expectMended(
  name: ScenarioName,
  server: TestServer,
  clock: AdjustableClock,
  before: Before,
  done: number,
): Promise<void> {
  // On PostgreSQL another process might still be at work on it, until its time is over.
  clock.advance(HELD_MS);
  await server.server.recover();
  await server.server.upkeep();
  const storage = await storageInside(server);
  await expectInStep(server, storage);
  await CHECKS[name]({ server, before, done, storage, ...clientsOf(server, before.apiKey) });
  await expectInStep(server, storage);
}

/** Database and storage hold the same: nothing leaked, lost, owed or half done. */
async function expectInStep(server: TestServer, storage: TigrisStorage): Promise<void> {
  const db = await openDatabaseOf(server);
  try {
    expect(await db.selectFrom('provisioning_intents').selectAll().execute()).toEqual([]);
    const rows = await db
      .selectFrom('tenant_mount_credentials as key')
      .innerJoin('tenants', 'tenants.id', 'key.tenant_id')
      .innerJoin('tenant_policies as rule', 'rule.tenant_id', 'key.tenant_id')
      .select(['access_key', 'policy_arn', 'policy', 'revoked_at', 'tigris_deletion_status'])
      .execute();
    const owed = rows.filter((row) => row.tigris_deletion_status !== 'completed');
    expect(owed.filter((row) => row.revoked_at !== null)).toEqual([]);
    const keys = owed.map(({ access_key: id, policy }) => [id, policy === 'allowed']);
    const listed = await storage.listAccessKeys();
    expect(listed.map(({ id, active }) => [id, active]).toSorted()).toEqual(keys.toSorted());
    const policies = await storage.listPolicies();
    const arns = owed.map((row) => row.policy_arn);
    expect(policies.map(({ arn }) => arn).toSorted()).toEqual(arns.toSorted());
    const tenants = await db
      .selectFrom('tenants')
      .select('bucket_name')
      .where('status', '=', 'active')
      .execute();
    const buckets = tenants.map((row) => row.bucket_name);
    expect(await storage.listBuckets('')).toEqual(buckets.toSorted());
  } finally {
    await db.destroy();
  }
}

async function eventsOf(server: TestServer, type: string): Promise<unknown[]> {
  const db = await openDatabaseOf(server);
  try {
    return await db.selectFrom('audit_events').selectAll().where('type', '=', type).execute();
  } finally {
    await db.destroy();
  }
}
