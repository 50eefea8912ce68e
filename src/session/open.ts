import { join } from 'node:path';
import * as z from 'zod/mini';
import { createApiClient, type ApiClient } from '../api/client.ts';
import type { StreamItem } from '../api/event-stream.ts';
import { parseToken, type TokenKind } from '../api/contract/token.ts';
import { MountCredentialWithSecret } from '../api/contract/mount.ts';
import type { Host } from '../platform/host.ts';
import { acquireLock } from '../platform/lock.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';
import type { BucketAccess } from './bucket-access.ts';
import { readConfiguration } from './configuration.ts';
import { openSecretStore, type SecretStore } from './secret-store.ts';
import { contextFor, type NamedContext, type SessionFlags } from './settings.ts';

/** A signed-in account on a server, and what it may reach. */
export interface Session {
  context: NamedContext;
  api: ApiClient;
  secrets: SecretStore;
  /**
   * The stored bucket key of this machine. Offline.
   *
   * @throws AbortError `not-set-up` (10)
   */
  bucketAccess(): Promise<BucketAccess>;
  /**
   * The tenant's events (src/api/event-stream.ts), for as long as `signal` is not aborted. Resumes
   * after `lastEventId`. Never throws for trouble of network, server or credential.
   */
  followEvents(signal: AbortSignal, lastEventId?: string): AsyncGenerator<StreamItem, void>;
}

export interface SessionDeps {
  secrets: SecretStore;
  signal: AbortSignal;
}

/** The service names under which the secret store keeps what belongs to a context. */
export const STORED = {
  apiKey: 'cloud-cli/api-key',
  accessToken: 'cloud-cli/access-token',
  bucketKey: 'cloud-cli/bucket-key',
} as const;

/**
 * Opens the context that the flags, the environment or the configuration name.
 *
 * @throws AbortError `not-set-up` (10) when there is none
 */
export async function openSession(
  host: Host,
  flags: SessionFlags,
  deps: Partial<SessionDeps> = {},
): Promise<Session> {
  const context = contextFor(await readConfiguration(host), flags);
  if (context === undefined) throw notSetUp();
  const secrets = deps.secrets ?? openSecretStore(host);
  const signal = deps.signal === undefined ? {} : { signal: deps.signal };
  const token =
    givenToken(host, context.server) ??
    ((refused?: string) => accessToken(host, context, secrets, refused));
  const api = createApiClient({ server: context.server, token: () => token(), ...signal });
  return {
    context,
    api,
    secrets,
    bucketAccess: async () => {
      const stored = await storedBucketKey(secrets, context.name);
      if (stored?.tenant_id !== context.tenant.id) throw notSetUp();
      return toBucketAccess(context, stored);
    },
    followEvents: async function* (until, lastEventId) {
      const { followEvents } = await import('../api/event-stream.ts');
      const { server } = context;
      yield* followEvents({ server, token, lastEventId, clock: host.clock, signal: until });
    },
  };
}

/** The bucket key that was stored for a context, or undefined. */
export async function storedBucketKey(
  secrets: SecretStore,
  contextName: string,
): Promise<MountCredentialWithSecret | undefined> {
  const text = await secrets.getPassword(STORED.bucketKey, contextName);
  if (text === null) return undefined;
  const credential = MountCredentialWithSecret.parse(JSON.parse(text));
  registerSecret(credential.secret_key);
  return credential;
}

export function toBucketAccess(
  context: NamedContext,
  credential: MountCredentialWithSecret,
): BucketAccess {
  return {
    contextName: context.name,
    server: context.server,
    tenant: { id: context.tenant.id, slug: context.tenant.slug },
    bucket: credential.bucket_name,
    endpoint: credential.endpoint_url,
    region: credential.region,
    credentialId: credential.id,
    accessKeyId: credential.access_key,
    secretAccessKey: credential.secret_key,
    permission: credential.permission,
    expiresAt: credential.expires_at,
  };
}

const CachedToken = z.object({ token: z.string(), expiresAt: z.number() });

/** Renewed this long before it ends, so that a request under way does not meet the end. */
const RENEW_BEFORE_MS = 60_000;

/**
 * A valid access token. Called with one that the server refused before its time, it gets another
 * one, if there is any.
 */
type TokenSource = (refused?: string) => Promise<string>;

/** `CLOUD_TOKEN` goes before what is stored; its access tokens are kept in memory only. */
function givenToken(host: Host, server: string): TokenSource | undefined {
  const given = host.env['CLOUD_TOKEN'];
  if (given === undefined || given === '') return undefined;
  let current: { token: string; expiresAt: number } | undefined;
  return async (refused) => {
    if (given.startsWith('eyJ')) return given;
    if (current?.token === refused) current = undefined;
    if (current === undefined || current.expiresAt - RENEW_BEFORE_MS <= host.clock.now()) {
      const { token, lifeMs } = await exchangeApiKey(server, given);
      current = { token, expiresAt: host.clock.now() + lifeMs };
    }
    return current.token;
  };
}

/**
 * A valid access token: the cached one, or one exchanged for the stored API key. One process
 * exchanges, the others wait and read what it stored.
 */
async function accessToken(
  host: Host,
  context: NamedContext,
  secrets: SecretStore,
  refused?: string,
): Promise<string> {
  const fresh = await cachedToken(host, context.name, secrets);
  if (fresh !== undefined && fresh !== refused) return fresh;
  const lock = await acquireLock(join(host.places.state, 'locks', 'token.lock'), {
    command: 'renewal of the access token',
    waitMs: 20_000,
    clock: host.clock,
  });
  try {
    const meanwhile = await cachedToken(host, context.name, secrets);
    if (meanwhile !== undefined && meanwhile !== refused) return meanwhile;
    const apiKey = await secrets.getPassword(STORED.apiKey, context.name);
    if (apiKey === null) throw notSignedIn();
    const { token, lifeMs } = await exchangeApiKey(context.server, apiKey);
    const cached = { token, expiresAt: host.clock.now() + lifeMs };
    await secrets.setPassword(STORED.accessToken, context.name, JSON.stringify(cached));
    return token;
  } finally {
    lock.release();
  }
}

async function cachedToken(
  host: Host,
  contextName: string,
  secrets: SecretStore,
): Promise<string | undefined> {
  const text = await secrets.getPassword(STORED.accessToken, contextName);
  if (text === null) return undefined;
  const cached = CachedToken.parse(JSON.parse(text));
  registerSecret(cached.token);
  return cached.expiresAt - RENEW_BEFORE_MS > host.clock.now() ? cached.token : undefined;
}

/**
 * Exchanges an API key for an access token; `lifeMs` in milliseconds.
 *
 * @throws AbortError `token-malformed` (4) without a request when it was mistyped
 */
export async function exchangeApiKey(
  server: string,
  apiKey: string,
): Promise<{ token: string; lifeMs: number }> {
  const parsed = parseToken(apiKey);
  if (parsed?.kind !== 'key') throw malformed(parsed?.kind);
  registerSecret(apiKey);
  const answer = await createApiClient({ server }).exchangeApiKey(apiKey);
  registerSecret(answer.access_token);
  return { token: answer.access_token, lifeMs: answer.expires_in * 1000 };
}

function malformed(kind: TokenKind | undefined): AbortError {
  return new AbortError(
    'token-malformed',
    kind === undefined
      ? 'The token is not a token of this server, or was not copied whole.'
      : 'This token is not an API key, so it cannot sign in.',
    {
      exitCode: ExitCode.auth,
      suggestions: ['An API key begins with cloud_key_; whoever runs the server can issue one.'],
    },
  );
}

export function notSetUp(): AbortError {
  return new AbortError('not-set-up', 'Nothing has been set up here yet.', {
    exitCode: ExitCode.notSetUp,
    suggestions: ['cloud setup'],
  });
}

function notSignedIn(): AbortError {
  return new AbortError('not-signed-in', 'You are not signed in.', {
    exitCode: ExitCode.auth,
    suggestions: ['cloud login'],
  });
}
