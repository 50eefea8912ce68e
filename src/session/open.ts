import { createApiClient, type ApiClient } from '../api/client.ts';
import type { StreamItem } from '../api/event-stream.ts';
import { MountCredentialWithSecret } from '../api/contract/mount.ts';
import type { Host } from '../platform/host.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';
import type { BucketAccess } from './bucket-access.ts';
import { readConfiguration } from './configuration.ts';
import { openSecretStore, type SecretStore } from './secret-store.ts';
import {
  accountFor,
  contextFor,
  resolveServer,
  type AccountContext,
  type NamedContext,
  type SessionFlags,
} from './settings.ts';
import { STORED, tokenSource } from './tokens.ts';

/** Somebody, or something, that a server knows. */
export interface Account {
  context: AccountContext;
  api: ApiClient;
  secrets: SecretStore;
}

/** A signed-in account of a tenant, and what it may reach. */
export interface Session extends Account {
  context: NamedContext;
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

/**
 * The account of the context that flags, environment or configuration name, of a tenant or not.
 * Where there is no context, `CLOUD_TOKEN` is one by itself; its name is empty then.
 *
 * @throws AbortError `not-set-up` (10) when there is neither
 */
export async function openAccount(
  host: Host,
  flags: SessionFlags,
  deps: Partial<SessionDeps> = {},
): Promise<Account> {
  const context =
    accountFor(await readConfiguration(host), flags) ?? (await contextOfToken(host, flags));
  const secrets = deps.secrets ?? openSecretStore(host);
  return accountOf(host, context, secrets, deps.signal).account;
}

async function contextOfToken(host: Host, flags: SessionFlags): Promise<AccountContext> {
  if ((host.env['CLOUD_TOKEN']?.trim() ?? '') === '') throw notSetUp();
  const { url } = await resolveServer(host, flags);
  return { ...{ name: '', server: url, tenant: null }, account: 'CLOUD_TOKEN' };
}

function accountOf<Named extends AccountContext>(
  host: Host,
  context: Named,
  secrets: SecretStore,
  signal: AbortSignal | undefined,
) {
  const token = tokenSource(host, context, secrets);
  const options = signal === undefined ? {} : { signal };
  const api = createApiClient({ server: context.server, token, ...options });
  return { account: { context, api, secrets }, token };
}

/**
 * Opens the context that the flags, the environment or the configuration name.
 *
 * @throws AbortError `not-set-up` (10) when there is none, `no-tenant` (4)
 */
export async function openSession(
  host: Host,
  flags: SessionFlags,
  deps: Partial<SessionDeps> = {},
): Promise<Session> {
  const context = contextFor(await readConfiguration(host), flags);
  if (context === undefined) throw notSetUp();
  const secrets = deps.secrets ?? openSecretStore(host);
  const { account, token } = accountOf(host, context, secrets, deps.signal);
  return {
    ...account,
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

export function notSetUp(): AbortError {
  return new AbortError('not-set-up', 'Nothing has been set up here yet.', {
    exitCode: ExitCode.notSetUp,
    suggestions: ['cloud setup'],
  });
}
