import { createApiClient } from '../api/client.ts';
import type { Me } from '../api/contract/auth.ts';
import type { Host } from '../platform/host.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { readConfiguration, updateConfiguration, type Configuration } from './configuration.ts';
import { exchangeApiKey, openSession, STORED, type Session } from './open.ts';
import type { SecretStore } from './secret-store.ts';
import { contextFor, normalizeServer, type SessionFlags } from './settings.ts';

export interface SignInOptions {
  server: string;
  apiKey: string;
  /** Name of the context; by default the tenant's slug. */
  contextName?: string | undefined;
  /** Keep the key for later runs. False for `CLOUD_TOKEN`, which its owner keeps. */
  store: boolean;
}

export interface SignedIn {
  context: string;
  server: string;
  account: string;
  tenant: { id: string; slug: string; name: string };
}

/**
 * Signs in with an API key: exchanges it once to see that it works, then stores it and makes its
 * tenant the current context. Nothing is stored when any of that fails.
 *
 * @throws AbortError `token-malformed`, `invalid_grant` (4), `no-tenant` (4), `server-unreachable` (5)
 */
export async function signIn(
  options: SignInOptions,
  host: Host,
  secrets: SecretStore,
): Promise<SignedIn> {
  const server = normalizeServer(options.server);
  const { token, lifeMs } = await exchangeApiKey(server, options.apiKey);
  const me = await createApiClient({ server, token: () => Promise.resolve(token) }).me();
  const tenant = tenantOf(me);
  const configuration = await readConfiguration(host);
  const name = options.contextName ?? freeName(configuration, server, tenant);
  if (options.store) {
    await secrets.setPassword(STORED.apiKey, name, options.apiKey);
    const cached = { token, expiresAt: host.clock.now() + lifeMs };
    await secrets.setPassword(STORED.accessToken, name, JSON.stringify(cached));
  }
  await updateConfiguration(host, (latest) => {
    latest.contexts[name] = { server, tenant, account: me.subject };
    latest.currentContext = name;
  });
  return { context: name, server, account: me.subject, tenant };
}

export interface SignedOut {
  /** Null: nobody was signed in, which is what was wanted. */
  context: string | null;
  /** False when the server could not be asked to revoke this machine's bucket key. */
  revoked: boolean;
}

/**
 * Signs out: revokes this machine's bucket key on the server, then forgets the secrets and the
 * context. Idempotent.
 */
export async function signOut(
  host: Host,
  flags: SessionFlags,
  signal: AbortSignal,
): Promise<SignedOut> {
  const known = contextFor(await readConfiguration(host), flags);
  if (known === undefined) return { context: null, revoked: true };
  const session = await openSession(host, flags, { signal });
  const { api, context, secrets } = session;
  let revoked = true;
  if ((await secrets.getPassword(STORED.bucketKey, context.name)) !== null) {
    revoked = await revokeQuietly(api, (await session.bucketAccess()).credentialId);
  }
  for (const service of Object.values(STORED)) await secrets.deletePassword(service, context.name);
  await updateConfiguration(host, (configuration) => {
    const { [context.name]: _forgotten, ...others } = configuration.contexts;
    configuration.contexts = others;
    if (configuration.currentContext === context.name) delete configuration.currentContext;
  });
  return { context: context.name, revoked };
}

async function revokeQuietly(api: Session['api'], credentialId: string): Promise<boolean> {
  try {
    await api.revokeMountCredential(credentialId);
    return true;
  } catch (error) {
    // Gone already is what was wanted.
    return error instanceof AbortError && error.details['status'] === 404;
  }
}

function tenantOf(me: Me): SignedIn['tenant'] {
  if (me.tenant !== null) return me.tenant;
  throw new AbortError(
    'no-tenant',
    'This key belongs to no tenant, so there is no bucket to reach.',
    {
      exitCode: ExitCode.auth,
      suggestions: ['Ask whoever runs the server for a key of your tenant.'],
    },
  );
}

/** The tenant's slug, or with the server's host when another server's tenant has that name. */
function freeName(
  configuration: Configuration,
  server: string,
  tenant: SignedIn['tenant'],
): string {
  const taken = configuration.contexts[tenant.slug];
  const same = taken === undefined || (taken.server === server && taken.tenant.id === tenant.id);
  return same ? tenant.slug : `${tenant.slug}@${new URL(server).host}`;
}
