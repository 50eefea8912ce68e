import { isIP } from 'node:net';
import { isAbsolute, resolve } from 'node:path';
import { RESERVED_SLUGS, SLUG } from '../api/contract/admin.ts';
import { RELEASE } from '../api/contract/latest-version.ts';
import { DEFAULT_SERVER_PORT, defaultServerFolder } from '../api/contract/local-server.ts';
import { parseToken } from '../api/contract/token.ts';
import {
  FaultFlagError,
  parseFaultFlags,
  type FaultFlags,
  type FaultOptions,
} from '../object-store/index.ts';
import type { Host } from '../platform/host.ts';
import { HttpProblem, ServerStartError } from './errors.ts';
import { assertGoodPassword } from './identity/passwords.ts';
import { normalizeUsername } from './identity/usernames.ts';
import { invalid, PREFIX, Variables } from './variables.ts';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Tigris, or another service with S3 and the IAM query API. */
export interface ExternalStorage {
  kind: 'external';
  /** What clients are told, and what we use. */
  s3Endpoint: string;
  iamEndpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** The object store in this process. `port` undefined: the one of the last start, or a free one. */
export interface EmbeddedStorage {
  kind: 'embedded';
  port: number | undefined;
  /** Trouble on purpose, for tests and demonstrations. */
  faults: FaultOptions;
}

/** PostgreSQL. */
export interface PostgresSettings {
  kind: 'postgres';
  /** With the password: for the driver only. */
  url: string;
  /** Host and database, for people. */
  name: string;
  /** Connections of this process at most, beside one that listens. */
  poolSize: number;
}

export interface ServerSettings {
  host: string;
  /** 0: any free port. */
  port: number;
  dataFolder: string;
  /** Where clients reach us, without a slash at its end; undefined: where we listen. */
  publicUrl: string | undefined;
  logLevel: LogLevel | undefined;
  /** 32 bytes that wrap the signing keys; undefined: a file in the data folder. */
  masterKey: Buffer | undefined;
  /** The first admin token, if the operator chose it. */
  seedToken: string | undefined;
  /** The first owner, if the operator names one. */
  seedOwner: { username: string; password: string } | undefined;
  /** Slugs of the first tenants, if the operator names any. */
  seedTenants: string[];
  /** Whose `X-Forwarded-For` is believed: addresses and networks of proxies before us. */
  trustedProxies: string[];
  storage: ExternalStorage | EmbeddedStorage;
  /** A file in the data folder, or PostgreSQL. */
  database: { kind: 'sqlite' } | PostgresSettings;
  /** First part of the names of new buckets. */
  bucketPrefix: string;
  /** Where new buckets lie: Tigris's `X-Tigris-Regions`; undefined: its default. */
  bucketRegions: string | undefined;
  /** Of one credential, to each server process; 0: any number. */
  requestsAMinute: number;
  /** Whether the sync address of a tenant may be in a private network. */
  allowPrivateSync: boolean;
  /** Whether an issuer that is trusted may be in a private network, or on this machine. */
  allowPrivateIssuers: boolean;
  /** The release that programs are told of: a version, `own` (the server's) or `none`. */
  latestVersion: string;
}

/** What the command line says; it wins over the environment. */
export interface SettingOverrides {
  host?: string | undefined;
  port?: number | undefined;
  dataFolder?: string | undefined;
  storagePort?: number | undefined;
  storageFaults?: FaultFlags;
}

/**
 * Reads every `CLOUD_SERVER_…` variable once. A secret can be given by `…_FILE` instead.
 *
 * @throws ServerStartError `invalid-setting`, naming the variable, never its value; `invalid-flag`
 */
export async function readSettings(
  host: Pick<Host, 'env' | 'places'>,
  overrides: SettingOverrides = {},
): Promise<ServerSettings> {
  const read = new Variables(host.env);
  const level = read.text('LOG_LEVEL');
  const logLevel = LOG_LEVELS.find((each) => each === level);
  if (level !== undefined && logLevel === undefined) {
    throw invalid('LOG_LEVEL', `is none of ${LOG_LEVELS.join(', ')}`);
  }
  const folder = overrides.dataFolder ?? read.text('DATA');
  if (overrides.dataFolder === undefined && folder !== undefined && !isAbsolute(folder)) {
    throw invalid('DATA', 'is not an absolute path');
  }
  const seedToken = await read.secret('TOKEN');
  if (seedToken !== undefined && (seedToken.length < 32 || /\s/.test(seedToken))) {
    throw invalid('TOKEN', 'has fewer than 32 characters, or spaces');
  }
  const kind = seedToken === undefined ? undefined : parseToken(seedToken)?.kind;
  if (kind !== undefined && kind !== 'adm') {
    throw invalid('TOKEN', 'is an API key or refresh token, not an admin token');
  }
  return {
    host: overrides.host ?? read.text('HOST') ?? '127.0.0.1',
    port: overrides.port ?? read.port('PORT') ?? DEFAULT_SERVER_PORT,
    dataFolder: folder === undefined ? defaultServerFolder(host.places) : resolve(folder),
    publicUrl: read.url('PUBLIC_URL'),
    logLevel,
    masterKey: parseKey(await read.secret('KEY')),
    seedToken,
    seedOwner: await readSeedOwner(read),
    seedTenants: readSeedTenants(read),
    trustedProxies: readProxies(read),
    storage: await readStorage(read, overrides),
    database: await readDatabase(read),
    bucketPrefix: readBucketPrefix(read),
    bucketRegions: read.text('BUCKET_REGIONS'),
    requestsAMinute: read.count('REQUESTS_A_MINUTE') ?? 6000,
    allowPrivateSync: read.flag('SYNC_PRIVATE'),
    allowPrivateIssuers: read.flag('ISSUER_PRIVATE'),
    latestVersion: readLatestVersion(read),
  };
}

async function readStorage(
  read: Variables,
  overrides: SettingOverrides,
): Promise<ServerSettings['storage']> {
  const s3Endpoint = read.url('STORAGE_S3_ENDPOINT');
  if (s3Endpoint === undefined) {
    return {
      kind: 'embedded',
      port: overrides.storagePort ?? read.port('STORAGE_PORT'),
      faults: readFaults(overrides.storageFaults ?? {}),
    };
  }
  const because = `is needed because ${PREFIX}STORAGE_S3_ENDPOINT is set`;
  const needed = <T>(name: string, value: T | undefined): T => {
    if (value === undefined) throw invalid(name, because);
    return value;
  };
  return {
    kind: 'external',
    s3Endpoint,
    iamEndpoint: needed('STORAGE_IAM_ENDPOINT', read.url('STORAGE_IAM_ENDPOINT')),
    region: read.text('STORAGE_REGION') ?? 'auto',
    accessKeyId: needed('STORAGE_ACCESS_KEY_ID', await read.secret('STORAGE_ACCESS_KEY_ID')),
    secretAccessKey: needed(
      'STORAGE_SECRET_ACCESS_KEY',
      await read.secret('STORAGE_SECRET_ACCESS_KEY'),
    ),
  };
}

const POOL_SIZE = 10;

async function readDatabase(read: Variables): Promise<ServerSettings['database']> {
  const url = await read.secret('DATABASE_URL');
  const poolSize = read.number('DATABASE_POOL', 1, 100) ?? POOL_SIZE;
  if (url === undefined) return { kind: 'sqlite' };
  // A host that is left out means a socket, whose folder is in the query.
  const parsed = URL.parse(url.replace('@/', '@socket/'));
  if (parsed === null || !['postgres:', 'postgresql:'].includes(parsed.protocol)) {
    throw invalid('DATABASE_URL', 'is not an address like postgres://user:password@host/database');
  }
  const host = parsed.searchParams.get('host') ?? parsed.host;
  return { kind: 'postgres', url, name: host + parsed.pathname, poolSize };
}

/** Whether they are good is seen when they are used: at the first start only. */
async function readSeedOwner(read: Variables): Promise<ServerSettings['seedOwner']> {
  const typed = read.text('ADMIN_USERNAME');
  const password = await read.secret('ADMIN_PASSWORD');
  if (typed === undefined && password === undefined) return undefined;
  if (typed === undefined) throw invalid('ADMIN_USERNAME', 'is needed for the first owner');
  if (password === undefined) {
    throw invalid('ADMIN_PASSWORD_FILE', `is needed because ${PREFIX}ADMIN_USERNAME is set`);
  }
  const username = normalizeUsername(typed);
  if (username === undefined) {
    throw invalid('ADMIN_USERNAME', 'is not 1 to 64 letters, digits and . _ @ + -');
  }
  try {
    assertGoodPassword(password, username);
  } catch (cause) {
    if (!(cause instanceof HttpProblem)) throw cause;
    throw invalid('ADMIN_PASSWORD', 'is too easy to guess; use 12 characters or more');
  }
  return { username, password };
}

function readSeedTenants(read: Variables): string[] {
  const slugs = (read.text('ALLOWED_TENANTS') ?? '').split(',').map((slug) => slug.trim());
  const named = [...new Set(slugs.filter((slug) => slug !== ''))];
  if (named.every((slug) => SLUG.test(slug) && !RESERVED_SLUGS.has(slug))) return named;
  throw invalid('ALLOWED_TENANTS', 'is no list of slugs: acme, other');
}

function readLatestVersion(read: Variables): string {
  const named = read.text('LATEST_VERSION') ?? 'own';
  if (named === 'own' || named === 'none' || RELEASE.test(named)) return named;
  throw invalid('LATEST_VERSION', 'is not a release (1.2.3), own or none');
}

function readProxies(read: Variables): string[] {
  const names = (read.text('TRUSTED_PROXIES') ?? '').split(',').map((name) => name.trim());
  const proxies = names.filter((name) => name !== '');
  for (const proxy of proxies) {
    const [address = '', bits, ...more] = proxy.split('/');
    const longest = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
    const length = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : 999;
    if (longest < 0 || length > longest || length < 1 || more.length > 0) {
      throw invalid('TRUSTED_PROXIES', 'is no list of addresses and networks (10.0.0.0/8)');
    }
  }
  return proxies;
}

function readFaults(flags: FaultFlags): FaultOptions {
  try {
    return parseFaultFlags(flags);
  } catch (cause) {
    if (!(cause instanceof FaultFlagError)) throw cause;
    throw new ServerStartError('invalid-flag', `${cause.message}.`, { cause });
  }
}

function readBucketPrefix(read: Variables): string {
  const prefix = read.text('BUCKET_PREFIX') ?? 'cloud';
  // A bucket's name ends at 63: the slug's first 20, 16 of randomness, two hyphens.
  if (!/^[a-z0-9][a-z0-9-]{0,14}$/.test(prefix)) {
    throw invalid('BUCKET_PREFIX', 'is not 1 to 15 lower-case letters, digits and hyphens');
  }
  return prefix;
}

function parseKey(text: string | undefined): Buffer | undefined {
  if (text === undefined) return undefined;
  const key = /^[0-9a-f]{64}$/i.test(text)
    ? Buffer.from(text, 'hex')
    : Buffer.from(text, 'base64url');
  if (key.length !== 32) throw invalid('KEY', 'is not 32 bytes in hexadecimal or base64');
  return key;
}
