import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ServerStartError } from '../../../src/server/errors.ts';
import { readSettings, type SettingOverrides } from '../../../src/server/settings.ts';
import { openWorkspace } from '../../support/workspace.ts';

async function read(env: NodeJS.ProcessEnv = {}, overrides: SettingOverrides = {}) {
  const { host } = await openWorkspace();
  return readSettings({ places: host.places, env }, overrides);
}

describe('readSettings', () => {
  it('needs nothing', async () => {
    const { host } = await openWorkspace();
    expect(await readSettings({ places: host.places, env: {} })).toEqual({
      host: '127.0.0.1',
      latestVersion: 'own',
      port: 8787,
      dataFolder: join(host.places.data, 'server'),
      publicUrl: undefined,
      logLevel: undefined,
      masterKey: undefined,
      seedToken: undefined,
      storage: { kind: 'embedded', port: undefined, faults: {} },
      database: { kind: 'sqlite' },
      bucketPrefix: 'cloud',
      bucketRegions: undefined,
      seedOwner: undefined,
      seedTenants: [],
      trustedProxies: [],
      requestsAMinute: 6000,
      allowPrivateSync: false,
      allowPrivateIssuers: false,
    });
  });

  it('takes flags before the environment', async () => {
    const env = { CLOUD_SERVER_PORT: '9000', CLOUD_SERVER_HOST: '::1', CLOUD_SERVER_DATA: '/a' };
    expect(await read(env)).toMatchObject({ port: 9000, host: '::1', dataFolder: '/a' });
    expect(await read(env, { port: 1, host: 'h', dataFolder: '/b' })).toMatchObject({
      port: 1,
      host: 'h',
      dataFolder: '/b',
    });
  });

  it('reads a secret from the file that …_FILE names', async () => {
    const { root } = await openWorkspace();
    const token = 't'.repeat(40);
    const path = join(root, 'token');
    await writeFile(path, `${token}\n`);
    expect(await read({ CLOUD_SERVER_TOKEN_FILE: path })).toMatchObject({ seedToken: token });
  });

  it('takes PostgreSQL from DATABASE_URL or its file, and shows nobody the password', async () => {
    const { root } = await openWorkspace();
    const url = 'postgres://cloud:hunter2@db.example:5433/cloud?sslmode=verify-full';
    const path = join(root, 'url');
    await writeFile(path, `${url}\n`);
    const database = { kind: 'postgres', url, name: 'db.example:5433/cloud', poolSize: 10 };
    expect((await read({ DATABASE_URL: url })).database).toEqual(database);
    expect(
      (await read({ DATABASE_URL_FILE: path, CLOUD_SERVER_DATABASE_POOL: '3' })).database,
    ).toEqual({ ...database, poolSize: 3 });
    const socket = 'postgresql://cloud@/cloud?host=/run/postgresql';
    expect((await read({ DATABASE_URL: socket })).database).toMatchObject({
      name: '/run/postgresql/cloud',
    });
    await expect(read({ DATABASE_URL: 'mysql://root:hunter2@h/db' })).rejects.toSatisfy(
      (error: ServerStartError) =>
        error.message.startsWith('DATABASE_URL is not') && !error.message.includes('hunter2'),
    );
    await expect(read({ DATABASE_URL: url, DATABASE_URL_FILE: path })).rejects.toThrow(
      'DATABASE_URL and DATABASE_URL_FILE are both set.',
    );
    await expect(read({ CLOUD_SERVER_DATABASE_POOL: '0' })).rejects.toThrow('from 1 to 100');
  });

  it('knows storage elsewhere', async () => {
    const env = {
      CLOUD_SERVER_STORAGE_S3_ENDPOINT: 'https://s3.example/',
      CLOUD_SERVER_STORAGE_IAM_ENDPOINT: 'https://iam.example',
      CLOUD_SERVER_STORAGE_ACCESS_KEY_ID: 'id',
      CLOUD_SERVER_STORAGE_SECRET_ACCESS_KEY: 'secret',
    };
    expect((await read(env)).storage).toEqual({
      kind: 'external',
      s3Endpoint: 'https://s3.example',
      iamEndpoint: 'https://iam.example',
      region: 'auto',
      accessKeyId: 'id',
      secretAccessKey: 'secret',
    });
  });

  it.each<[string, NodeJS.ProcessEnv]>([
    ['CLOUD_SERVER_PORT', { CLOUD_SERVER_PORT: 'tcp://10.0.0.1:8787' }],
    ['CLOUD_SERVER_PORT', { CLOUD_SERVER_PORT: '65536' }],
    ['CLOUD_SERVER_STORAGE_PORT', { CLOUD_SERVER_STORAGE_PORT: '-1' }],
    ['CLOUD_SERVER_DATA', { CLOUD_SERVER_DATA: 'relative' }],
    ['CLOUD_SERVER_LOG_LEVEL', { CLOUD_SERVER_LOG_LEVEL: 'loud' }],
    ['CLOUD_SERVER_PUBLIC_URL', { CLOUD_SERVER_PUBLIC_URL: 'ftp://x' }],
    ['CLOUD_SERVER_PUBLIC_URL', { CLOUD_SERVER_PUBLIC_URL: 'https://me:pass@x' }],
    ['CLOUD_SERVER_KEY', { CLOUD_SERVER_KEY: 'too short' }],
    ['CLOUD_SERVER_TOKEN', { CLOUD_SERVER_TOKEN: 'x'.repeat(31) }],
    ['CLOUD_SERVER_TOKEN', { CLOUD_SERVER_TOKEN: `${'x'.repeat(40)} y` }],
    ['CLOUD_SERVER_TOKEN_FILE', { CLOUD_SERVER_TOKEN_FILE: '/does/not/exist' }],
    [
      'CLOUD_SERVER_TOKEN',
      { CLOUD_SERVER_TOKEN: 'x'.repeat(40), CLOUD_SERVER_TOKEN_FILE: '/dev/null' },
    ],
    ['CLOUD_SERVER_KEY_FILE', { CLOUD_SERVER_KEY_FILE: '/dev/null' }],
    ['CLOUD_SERVER_BUCKET_PREFIX', { CLOUD_SERVER_BUCKET_PREFIX: 'Not.Allowed' }],
    ['CLOUD_SERVER_LATEST_VERSION', { CLOUD_SERVER_LATEST_VERSION: '2.0.0-beta.1' }],
    [
      'CLOUD_SERVER_STORAGE_IAM_ENDPOINT',
      { CLOUD_SERVER_STORAGE_S3_ENDPOINT: 'https://s3.example' },
    ],
  ])('refuses a bad %s, naming it and not its value', async (name, env) => {
    const error = await read(env).catch((thrown: unknown) => thrown as ServerStartError);
    expect(error).toMatchObject({ code: 'invalid-setting' });
    const { message } = error as ServerStartError;
    expect(message.startsWith(`${name} `)).toBe(true);
    for (const value of Object.values(env)) {
      if (value !== undefined && value.length > 8) expect(message).not.toContain(value);
    }
  });

  it('refuses a fault flag that makes no sense', async () => {
    await expect(read({}, { storageFaults: { 'storage-latency': 'long' } })).rejects.toMatchObject({
      code: 'invalid-flag',
    });
  });
});

describe('people and proxies', () => {
  const good = 'correct horse battery staple';
  it('takes a first owner and proxies', async () => {
    const settings = await read({
      CLOUD_SERVER_ADMIN_USERNAME: 'Boss',
      CLOUD_SERVER_ADMIN_PASSWORD: good,
      CLOUD_SERVER_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
    });
    expect(settings).toMatchObject({
      seedOwner: { username: 'boss', password: good },
      trustedProxies: ['10.0.0.0/8', '::1'],
    });
  });

  it.each<[string, NodeJS.ProcessEnv]>([
    ['CLOUD_SERVER_ADMIN_PASSWORD_FILE', { CLOUD_SERVER_ADMIN_USERNAME: 'boss' }],
    ['CLOUD_SERVER_ADMIN_USERNAME', { CLOUD_SERVER_ADMIN_PASSWORD: good }],
    [
      'CLOUD_SERVER_ADMIN_USERNAME',
      { CLOUD_SERVER_ADMIN_USERNAME: 'b\u043ess', CLOUD_SERVER_ADMIN_PASSWORD: good },
    ],
    [
      'CLOUD_SERVER_ADMIN_PASSWORD',
      { CLOUD_SERVER_ADMIN_USERNAME: 'boss', CLOUD_SERVER_ADMIN_PASSWORD: 'short' },
    ],
    ...['proxy', '10.0.0.0/33', '10.0.0.1/0', '::1/129', '1.2.3.4/8/8'].map(
      (list): [string, NodeJS.ProcessEnv] => [
        'CLOUD_SERVER_TRUSTED_PROXIES',
        { CLOUD_SERVER_TRUSTED_PROXIES: list },
      ],
    ),
  ])('names %s, and no value', async (name, env) => {
    const error = (await read(env).catch((thrown: unknown) => thrown)) as ServerStartError;
    expect(error.code).toBe('invalid-setting');
    expect(error.message).toMatch(new RegExp(`^${name}\\b`));
    expect(error.message).not.toContain(good);
  });
});
