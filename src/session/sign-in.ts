import { createApiClient } from '../api/client.ts';
import type { Me } from '../api/contract/auth.ts';
import type { Host } from '../platform/host.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { readConfiguration, updateConfiguration, type Configuration } from './configuration.ts';
import { exchangeApiKey, openSession, STORED, storedBucketKey, type Session } from './open.ts';
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
  const name = contextName(configuration, options.contextName, server, tenant);
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
  /**
   * What became of this machine's bucket key: `none` was there, or the server could not be asked
   * (`unreachable`) or did not let us (`refused`), and the key stays valid.
   */
  revocation: 'revoked' | 'none' | 'unreachable' | 'refused';
}

/**
 * Signs out: revokes this machine's bucket key on the server, then forgets the secrets and the
 * context. Idempotent. `check` may refuse, before anything is done.
 */
export async function signOut(
  host: Host,
  flags: SessionFlags,
  deps: { signal: AbortSignal; check: (context: string) => void },
): Promise<SignedOut> {
  const known = contextFor(await readConfiguration(host), flags);
  if (known === undefined) return { context: null, revocation: 'none' };
  deps.check(known.name);
  const session = await openSession(host, flags, { signal: deps.signal });
  const { api, context, secrets } = session;
  const key = await storedBucketKey(secrets, context.name);
  const revocation = key === undefined ? 'none' : await revoke(api, key.id);
  for (const service of Object.values(STORED)) await secrets.deletePassword(service, context.name);
  await updateConfiguration(host, (configuration) => {
    const { [context.name]: _forgotten, ...others } = configuration.contexts;
    configuration.contexts = others;
    if (configuration.currentContext === context.name) delete configuration.currentContext;
  });
  return { context: context.name, revocation };
}

async function revoke(api: Session['api'], id: string): Promise<SignedOut['revocation']> {
  try {
    await api.revokeMountCredential(id);
    return 'revoked';
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
    // Gone already is what was wanted.
    if (error.details['status'] === 404) return 'revoked';
    return error.exitCode === ExitCode.unreachable ? 'unreachable' : 'refused';
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

/**
 * The named context, or the first free one after the tenant's slug. A context never changes its
 * tenant or server: its folders and keys would meet another tenant's bucket.
 *
 * @throws AbortError `other-tenant` (4)
 */
function contextName(
  configuration: Configuration,
  wanted: string | undefined,
  server: string,
  tenant: SignedIn['tenant'],
): string {
  const mayBe = (name: string): boolean => {
    const taken = configuration.contexts[name];
    return taken === undefined || (taken.server === server && taken.tenant.id === tenant.id);
  };
  if (wanted === undefined) {
    const host = `${tenant.slug}@${new URL(server).host}`;
    for (let count = 1; ; count += 1) {
      const free = [tenant.slug, host, `${host}-${count + 1}`].find(mayBe);
      if (free !== undefined) return free;
    }
  }
  if (mayBe(wanted)) return wanted;
  throw new AbortError(
    'other-tenant',
    `The context ${wanted} belongs to another tenant than this key (${tenant.slug}).`,
    {
      exitCode: ExitCode.auth,
      suggestions: ['Leave --context out, or choose another name for it.'],
    },
  );
}
