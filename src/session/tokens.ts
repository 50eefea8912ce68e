import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { createApiClient } from '../api/client.ts';
import type { TokenResponse } from '../api/contract/auth.ts';
import { parseToken, type TokenKind } from '../api/contract/token.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';
import type { Host } from '../platform/host.ts';
import { acquireLock } from '../platform/lock.ts';
import type { SecretStore } from './secret-store.ts';
import type { AccountContext } from './settings.ts';

/** The service names under which the secret store keeps what belongs to a context. */
export const STORED = {
  apiKey: 'cloud-cli/api-key',
  session: 'cloud-cli/session',
  accessToken: 'cloud-cli/access-token',
  bucketKey: 'cloud-cli/bucket-key',
} as const;

/** What signing in, or renewing it, gets. Times in milliseconds. */
export interface Grant {
  accessToken: string;
  lifeMs: number;
  /** Of a session; an API key gets none. */
  refresh?: { token: string; lifeMs: number | undefined };
}

/**
 * A valid access token. Called with one that the server refused before its time, it gets another
 * one, if there is any.
 */
export type TokenSource = (refused?: string) => Promise<string>;

/** `CLOUD_TOKEN` goes before what is stored; its access tokens are kept in memory only. */
export function tokenSource(
  host: Host,
  context: Pick<AccountContext, 'name' | 'server'>,
  secrets: SecretStore,
): TokenSource {
  return (
    givenToken(host, context.server) ??
    ((refused?: string) => storedToken(host, context, secrets, refused))
  );
}

/** Renewed this long before it ends, so that a request under way does not meet the end. */
const RENEW_BEFORE_MS = 60_000;
/** Longer than a request for a token may take, so that who waits for another one's does not give up. */
const WAIT_FOR_RENEWAL_MS = 60_000;

function givenToken(host: Host, server: string): TokenSource | undefined {
  const given = host.env['CLOUD_TOKEN']?.trim() ?? '';
  if (given === '') return undefined;
  registerSecret(given);
  let current: { token: string; expiresAt: number } | undefined;
  return async (refused) => {
    // What is no key to be exchanged is sent as it is: an access token, an administrator's token.
    if (given.startsWith('eyJ') || parseToken(given)?.kind === 'adm') return given;
    if (current?.token === refused) current = undefined;
    if (current === undefined || current.expiresAt - RENEW_BEFORE_MS <= host.clock.now()) {
      const { accessToken, lifeMs } = await exchangeApiKey(server, given);
      current = { token: accessToken, expiresAt: host.clock.now() + lifeMs };
    }
    return current.token;
  };
}

/**
 * A valid access token: the cached one, or one got for the stored session or API key. One process
 * asks the server, the others wait and read what it stored. A refresh token whose reply was lost,
 * or whose successor could not be stored, is simply used again: the server lets it, until its
 * successor is used.
 */
async function storedToken(
  host: Host,
  context: Pick<AccountContext, 'name' | 'server'>,
  secrets: SecretStore,
  refused?: string,
): Promise<string> {
  const fresh = await cachedToken(host, context.name, secrets);
  if (fresh !== undefined && fresh !== refused) return fresh;
  const lock = await acquireLock(tokenLock(host, context.name), {
    command: 'renewal of the access token',
    waitMs: WAIT_FOR_RENEWAL_MS,
    clock: host.clock,
  });
  try {
    const meanwhile = await cachedToken(host, context.name, secrets);
    if (meanwhile !== undefined && meanwhile !== refused) return meanwhile;
    const grant = await renew(context, secrets);
    await keepTokens(grant, context.name, host, secrets);
    return grant.accessToken;
  } finally {
    lock.release();
  }
}

/** One for each context: a server that does not answer holds up nobody else's. */
function tokenLock(host: Host, contextName: string): string {
  const name = createHash('sha256').update(contextName).digest('hex').slice(0, 16);
  return join(host.places.state, 'locks', `token-${name}.lock`);
}

async function renew(
  { name, server }: Pick<AccountContext, 'name' | 'server'>,
  secrets: SecretStore,
): Promise<Grant> {
  const session = await storedSession(name, secrets);
  if (session !== undefined) {
    try {
      return toGrant(await createApiClient({ server }).refresh(session.refreshToken));
    } catch (error) {
      throw error instanceof AbortError && error.code === 'invalid_grant'
        ? sessionEnded(name, error)
        : error;
    }
  }
  const apiKey = await secrets.getPassword(STORED.apiKey, name);
  if (apiKey === null) throw notSignedIn();
  return exchangeApiKey(server, apiKey);
}

/** The refresh token goes first: without it, what comes after is worth ten minutes. */
export async function keepTokens(
  grant: Grant,
  contextName: string,
  host: Host,
  secrets: SecretStore,
): Promise<void> {
  const now = host.clock.now();
  if (grant.refresh !== undefined) {
    const { token, lifeMs } = grant.refresh;
    const stored: StoredSession = {
      refreshToken: token,
      ...(lifeMs === undefined ? {} : { endsAt: now + lifeMs }),
    };
    await secrets.setPassword(STORED.session, contextName, JSON.stringify(stored));
  }
  const cached = { token: grant.accessToken, expiresAt: now + grant.lifeMs };
  await secrets.setPassword(STORED.accessToken, contextName, JSON.stringify(cached));
}

const StoredSession = z.object({
  refreshToken: z.string(),
  /** When it ends if it is not used; milliseconds since the epoch. */
  endsAt: z.optional(z.number()),
});
export type StoredSession = z.infer<typeof StoredSession>;

export async function storedSession(
  contextName: string,
  secrets: SecretStore,
): Promise<StoredSession | undefined> {
  const text = await secrets.getPassword(STORED.session, contextName);
  if (text === null) return undefined;
  const session = StoredSession.parse(JSON.parse(text));
  registerSecret(session.refreshToken);
  return session;
}

const CachedToken = z.object({ token: z.string(), expiresAt: z.number() });

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

/** @throws AbortError `token-malformed` (4) without a request when it was mistyped */
export async function exchangeApiKey(server: string, apiKey: string): Promise<Grant> {
  const parsed = parseToken(apiKey);
  if (parsed?.kind !== 'key') throw malformed(parsed?.kind);
  registerSecret(apiKey);
  return toGrant(await createApiClient({ server }).exchangeApiKey(apiKey));
}

export function toGrant(answer: TokenResponse): Grant {
  registerSecret(answer.access_token);
  const grant = { accessToken: answer.access_token, lifeMs: answer.expires_in * 1000 };
  const { refresh_token: token, refresh_expires_in: seconds } = answer;
  if (token === undefined) return grant;
  registerSecret(token);
  return {
    ...grant,
    refresh: { token, lifeMs: seconds === undefined ? undefined : seconds * 1000 },
  };
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

function sessionEnded(contextName: string, cause: AbortError): AbortError {
  return new AbortError(
    'session-ended',
    `You are signed out of ${contextName}: the session was ended, or not used for too long.`,
    { exitCode: ExitCode.auth, suggestions: ['cloud login'], details: cause.details, cause },
  );
}

function notSignedIn(): AbortError {
  return new AbortError('not-signed-in', 'You are not signed in.', {
    exitCode: ExitCode.auth,
    suggestions: ['cloud login'],
  });
}
