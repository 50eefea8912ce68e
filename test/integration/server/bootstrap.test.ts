import { access, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createApiClient } from '../../../src/api/client.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { resolvePlaces } from '../../../src/platform/places.ts';
import { recoverFolder } from '../../../src/server/recover-folder.ts';
import { readSettings } from '../../../src/server/settings.ts';
import { StorageError, type StorageProvider } from '../../../src/server/storage/provider.ts';
import { createSocketOnFreePort } from '../../support/free-port.ts';
import { identityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { databaseEnvironment, openDatabaseOf, testDatabase } from '../../support/test-databases.ts';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'cloud-bootstrap-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

const SEED = 'chosen-by-the-operator-0123456789-abcdef';
const OTHER = 'another-token-of-the-operator-0123456789';

/** Whether this token administers the server. */
async function administers(server: TestServer, token: string): Promise<boolean> {
  const client = createApiClient({ server: server.url, token: () => Promise.resolve(token) });
  return client.listTenants().then(
    () => true,
    () => false,
  );
}

async function during<T>(
  options: Parameters<typeof startTestServer>[0],
  work: (server: TestServer) => Promise<T>,
): Promise<T> {
  const server = await startTestServer(options);
  try {
    return await work(server);
  } finally {
    await server.close();
  }
}

describe('a bare first start', () => {
  it('writes one owner token to a file that only its owner reads, once', async () => {
    const dataFolder = await folder();
    const first = await during({ dataFolder }, async (server) => {
      expect(await administers(server, server.adminToken)).toBe(true);
      expect(server.logs()).not.toContain(server.adminToken);
      return server.adminToken;
    });
    const database = testDatabase === 'sqlite' ? ['server.sqlite'] : [];
    for (const name of ['admin-token', 'server.key', 'storage-port', ...database]) {
      expect((await stat(join(dataFolder, name))).mode & 0o777).toBe(0o600);
    }
    expect((await stat(dataFolder)).mode & 0o777).toBe(0o700);
    await during({ dataFolder }, async (server) => {
      expect(server.adminToken).toBe(first);
      expect(await administers(server, first)).toBe(true);
    });
  });

  it('does not make a new one when the file was taken away', async () => {
    const dataFolder = await folder();
    const first = await during({ dataFolder }, (server) => Promise.resolve(server.adminToken));
    await rm(join(dataFolder, 'admin-token'));
    await during({ dataFolder }, async (server) => {
      expect(server.server.adminTokenFile).toBeNull();
      expect(await administers(server, first)).toBe(true);
    });
  });
});

describe('CLOUD_SERVER_TOKEN', () => {
  it('seeds the first admin token, and no other while one is active', async () => {
    const dataFolder = await folder();
    await during({ dataFolder, env: { CLOUD_SERVER_TOKEN: SEED } }, async (server) => {
      expect(server.server.adminTokenFile).toBeNull();
      expect(await administers(server, SEED)).toBe(true);
    });
    await during({ dataFolder, env: { CLOUD_SERVER_TOKEN: OTHER } }, async (server) => {
      expect(await administers(server, OTHER)).toBe(false);
      expect(await administers(server, SEED)).toBe(true);
      expect(server.logs()).toContain('CLOUD_SERVER_TOKEN is ignored');
      expect(server.logs()).not.toContain(OTHER);
    });
  });

  it('never brings a revoked token back', async () => {
    const dataFolder = await folder();
    const env = { CLOUD_SERVER_TOKEN: SEED };
    await during({ dataFolder, env }, () => Promise.resolve());
    const db = await openDatabaseOf({ dataFolder });
    await db.updateTable('credentials').set({ revoked_at: '2026-01-01T00:00:00.000Z' }).execute();
    await db.destroy();
    await during({ dataFolder, env }, async (server) => {
      expect(await administers(server, SEED)).toBe(false);
      expect(server.logs()).toContain('revoked-or-expired');
    });
  });
});

describe('the keys in the data folder', () => {
  it('refuses to start with another CLOUD_SERVER_KEY, or without its file', async () => {
    const dataFolder = await folder();
    await during({ dataFolder }, () => Promise.resolve());
    const another = { CLOUD_SERVER_KEY: '00'.repeat(32) };
    await expect(startTestServer({ dataFolder, env: another })).rejects.toMatchObject({
      code: 'signing-key-locked',
    });
    await rm(join(dataFolder, 'server.key'));
    await expect(startTestServer({ dataFolder })).rejects.toMatchObject({
      code: 'signing-key-locked',
    });
  });
});

describe('the port of the storage', () => {
  it('stays the same over restarts, because issued keys hold it', async () => {
    const dataFolder = await folder();
    const tenants = ['acme'];
    const urls = [
      await during({ dataFolder, tenants }, (server) => Promise.resolve(server.server.storageUrl)),
      await during({ dataFolder }, (server) => Promise.resolve(server.server.storageUrl)),
    ];
    expect(urls[0]).toBe(urls[1]);
  });

  it('that is taken by another program is said, and nothing else is chosen', async () => {
    const dataFolder = await folder();
    const taken = await createSocketOnFreePort();
    onTestFinished(() => taken.close());
    await writeFile(join(dataFolder, 'storage-port'), `${taken.port}\n`);
    await expect(startTestServer({ dataFolder })).rejects.toMatchObject({ code: 'port-taken' });
  });
});

describe('the first owner of the operator', () => {
  const owner = (username: string, password: string) => ({
    CLOUD_SERVER_ADMIN_USERNAME: username,
    CLOUD_SERVER_ADMIN_PASSWORD: password,
  });
  const signsIn = async (server: TestServer, username: string, password: string) => {
    const json = { username, password, tenant: null };
    const { status } = await identityClient(server).call(
      'POST',
      '/api/v1/auth/login',
      undefined,
      json,
    );
    return status === 200;
  };
  const OLD = 'the first password of all';
  const NEW = 'another one that came later';

  it('is made once; later starts change neither the password nor who owns', async () => {
    const dataFolder = await folder();
    const start = (
      username: string,
      password: string,
      work: (server: TestServer) => Promise<void>,
    ) => during({ dataFolder, env: owner(username, password) }, work);
    await start('boss', OLD, async (server) => {
      expect(await signsIn(server, 'boss', OLD)).toBe(true);
      expect(server.logs()).not.toContain(OLD);
    });
    await start('boss', NEW, async (server) => {
      expect(await signsIn(server, 'boss', NEW)).toBe(false);
      expect(await signsIn(server, 'boss', OLD)).toBe(true);
    });
    await start('thief', NEW, async (server) => {
      expect(await signsIn(server, 'thief', NEW)).toBe(false);
      expect(server.logs()).toContain('CLOUD_SERVER_ADMIN_USERNAME is ignored');
    });
  });
});

describe('CLOUD_SERVER_ALLOWED_TENANTS', () => {
  const slugsOf = async (server: TestServer): Promise<string[]> => {
    const client = createApiClient({
      server: server.url,
      token: () => Promise.resolve(server.adminToken),
    });
    const { tenants } = await client.listTenants();
    expect(tenants.every(({ policy, status }) => `${policy} ${status}` === 'allowed active')).toBe(
      true,
    );
    return tenants.map(({ slug }) => slug);
  };
  const start = (slugs: string, dataFolder: string, work: (server: TestServer) => Promise<void>) =>
    during({ dataFolder, env: { CLOUD_SERVER_ALLOWED_TENANTS: slugs } }, work);

  it('adds the first tenants with their buckets, and nothing later', async () => {
    const dataFolder = await folder();
    await start('acme, other', dataFolder, async (server) => {
      expect(await slugsOf(server)).toEqual(['acme', 'other']);
      expect(server.objectStore).toBeDefined();
    });
    await start('acme,other', dataFolder, async (server) => {
      expect(server.logs()).not.toContain('ignored');
      expect(await slugsOf(server)).toEqual(['acme', 'other']);
    });
    await start('acme,third', dataFolder, async (server) => {
      expect(server.logs()).toContain('CLOUD_SERVER_ALLOWED_TENANTS is ignored');
      expect(await slugsOf(server)).toEqual(['acme', 'other']);
    });
  });

  it('goes on at the next start when the storage failed', async () => {
    const dataFolder = await folder();
    const env = { CLOUD_SERVER_ALLOWED_TENANTS: 'one-a,one-b,one-c' };
    let made = 0;
    const wrapStorage = (storage: StorageProvider): StorageProvider =>
      new Proxy(storage, {
        get: (target, name) => {
          if (name === 'createBucket' && (made += 1) > 1) {
            return () => Promise.reject(new StorageError('CreateBucket', 'InternalError', 500));
          }
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    await during({ dataFolder, env, wrapStorage }, async (server) => {
      expect(await slugsOf(server)).toEqual(['one-a']);
      expect(server.logs()).toContain('not all of CLOUD_SERVER_ALLOWED_TENANTS');
    });
    await during({ dataFolder, env }, async (server) => {
      expect(await slugsOf(server)).toEqual(['one-a', 'one-b', 'one-c']);
    });
  });

  it('is ignored where somebody has administered a tenant', async () => {
    const dataFolder = await folder();
    await during({ dataFolder, tenants: ['mine'] }, () => Promise.resolve());
    await start('acme', dataFolder, async (server) => {
      expect(await slugsOf(server)).toEqual(['mine']);
      expect(server.logs()).toContain('CLOUD_SERVER_ALLOWED_TENANTS is ignored');
    });
  });

  it.each(['Acme', 'a', 'acme;other', 'admin'])('refuses to start with %s', async (slugs) => {
    await expect(
      startTestServer({ env: { CLOUD_SERVER_ALLOWED_TENANTS: slugs } }),
    ).rejects.toMatchObject({ code: 'invalid-setting' });
  });
});

describe('an operator who has lost the last admin token', () => {
  it('and mistypes the folder is told so, and nothing is made there', async () => {
    const dataFolder = join(await folder(), 'mistyped');
    const places = resolvePlaces({ CLOUD_HOME: dataFolder });
    const settings = await readSettings({ env: {}, places }, { dataFolder });
    await expect(recoverFolder(settings, systemClock)).rejects.toMatchObject({ code: 'no-server' });
    await expect(access(dataFolder)).rejects.toThrow('ENOENT');
  });

  it('gets another one from the folder, of a running and of a stopped server', async () => {
    const dataFolder = await folder();
    const env = { ...(await databaseEnvironment(dataFolder)) };
    const settings = await readSettings(
      { env, places: resolvePlaces({ CLOUD_HOME: dataFolder }) },
      { dataFolder },
    );
    const path = join(dataFolder, 'admin-token');
    const recover = async () => {
      const result = await recoverFolder(settings, systemClock);
      return { ...result, token: (await readFile(path, 'utf8')).trim() };
    };
    const running = await during({ dataFolder }, async (server) => {
      expect(await recover()).toMatchObject({ made: false, token: server.adminToken });
      await rm(path);
      const recovered = await recover();
      expect(recovered).toMatchObject({ made: true, token_file: path });
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect(await administers(server, recovered.token)).toBe(true);
      expect(await recover()).toMatchObject({ made: false, token: recovered.token });
      return recovered.token;
    });
    // As if it was begun and did not get to its end: the file is there, and the token is nothing.
    await writeFile(path, 'cloud_adm_nothing\n');
    const stopped = await recover();
    expect(stopped.made).toBe(true);
    await during({ dataFolder }, async (server) => {
      expect(await administers(server, stopped.token)).toBe(true);
      expect(await administers(server, running)).toBe(true);
    });
  });
});
