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
import { contextFor, type NamedContext, type SessionFlags } from './settings.ts';
import { STORED, tokenSource } from './tokens.ts';

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
  const token = tokenSource(host, context, secrets);
  const api = createApiClient({ server: context.server, token, ...signal });
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

export function notSetUp(): AbortError {
  return new AbortError('not-set-up', 'Nothing has been set up here yet.', {
    exitCode: ExitCode.notSetUp,
    suggestions: ['cloud setup'],
  });
}
