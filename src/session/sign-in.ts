import { createApiClient } from '../api/client.ts';
import type { Me } from '../api/contract/auth.ts';
import type { Host } from '../platform/host.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { readConfiguration, updateConfiguration, type Configuration } from './configuration.ts';
import type { SecretStore } from './secret-store.ts';
import { normalizeServer } from './settings.ts';
import { exchangeApiKey, keepTokens, STORED, storedSession, type Grant } from './tokens.ts';

export interface SignInOptions {
  server: string;
  /** Name of the context; by default the tenant's slug. */
  contextName?: string | undefined;
}

export interface SignedIn {
  context: string;
  server: string;
  account: string;
  /** Null: for nothing but to administer the server. */
  tenant: { id: string; slug: string; name: string } | null;
  /** What the later runs renew their tokens with. */
  signed_in_by: 'session' | 'api_key' | 'CLOUD_TOKEN';
}

/**
 * Signs in with an API key: exchanges it once to see that it works, then stores it and makes its
 * tenant the current context (what administers the server becomes it only where there is none).
 * Nothing is stored when any of that fails. `store` is false for
 * `CLOUD_TOKEN`, which its owner keeps.
 *
 * @throws AbortError `token-malformed`, `invalid_grant` (4), `server-unreachable` (5)
 */
export async function signIn(
  options: SignInOptions & { apiKey: string; store: boolean },
  host: Host,
  secrets: SecretStore,
): Promise<SignedIn> {
  const server = normalizeServer(options.server);
  const grant = await exchangeApiKey(server, options.apiKey);
  const found = await account(host, { ...options, server }, grant);
  if (options.store) {
    const replaced = await storedSession(found.name, secrets);
    await secrets.setPassword(STORED.apiKey, found.name, options.apiKey);
    await keepTokens(grant, found.name, host, secrets);
    await secrets.deletePassword(STORED.session, found.name);
    if (replaced !== undefined) await endQuietly(server, replaced.refreshToken);
  }
  return useContext(host, server, found, options.store ? 'api_key' : 'CLOUD_TOKEN');
}

/**
 * Signs in with the tokens of a new session (device flow, password). When they cannot be kept, the
 * session is ended again.
 *
 * @throws AbortError `other-tenant` (4)
 */
export async function signInWithSession(
  options: SignInOptions & { grant: Grant },
  host: Host,
  secrets: SecretStore,
): Promise<SignedIn> {
  const server = normalizeServer(options.server);
  const { grant } = options;
  try {
    const found = await account(host, { ...options, server }, grant);
    const replaced = await storedSession(found.name, secrets);
    await keepTokens(grant, found.name, host, secrets);
    await secrets.deletePassword(STORED.apiKey, found.name);
    if (replaced !== undefined) await endQuietly(server, replaced.refreshToken);
    return await useContext(host, server, found, 'session');
  } catch (error) {
    if (grant.refresh !== undefined) await endQuietly(server, grant.refresh.token);
    throw error;
  }
}

interface Account {
  name: string;
  me: Me;
  tenant: SignedIn['tenant'];
}

async function account(host: Host, options: SignInOptions, grant: Grant): Promise<Account> {
  const { server } = options;
  const token = (): Promise<string> => Promise.resolve(grant.accessToken);
  const me = await createApiClient({ server, token }).me();
  const { tenant } = me;
  const configuration = await readConfiguration(host);
  const wanted = { server, tenant, user: me.user?.username };
  return { name: contextName(configuration, options.contextName, wanted), me, tenant };
}

async function useContext(
  host: Host,
  server: string,
  { name, me, tenant }: Account,
  by: SignedIn['signed_in_by'],
): Promise<SignedIn> {
  const user = me.user?.username;
  await updateConfiguration(host, (latest) => {
    latest.contexts[name] = {
      ...{ server, tenant, account: me.subject },
      ...(user === undefined ? {} : { user }),
    };
    if (tenant !== null) latest.currentContext = name;
    else latest.currentContext ??= name;
  });
  return { context: name, server, account: user ?? me.subject, tenant, signed_in_by: by };
}

/** A session that nobody will use again; it ends by itself when the server cannot be asked. */
async function endQuietly(server: string, refreshToken: string): Promise<void> {
  try {
    await createApiClient({ server, timeoutMs: 5000 }).revokeToken(refreshToken);
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
  }
}

interface Wanted {
  server: string;
  tenant: SignedIn['tenant'];
  user: string | undefined;
}

/**
 * The named context, or the first free one after the tenant's slug (of an administrator: the user). A context never changes its
 * tenant, server or user: its folders and keys would meet another tenant's bucket, or pass to
 * somebody else. A key that belongs to nobody and a user may follow one another.
 *
 * @throws AbortError `other-tenant` (4)
 */
function contextName(
  configuration: Configuration,
  named: string | undefined,
  { server, tenant, user }: Wanted,
): string {
  const mayBe = (name: string): boolean => {
    const taken = Object.hasOwn(configuration.contexts, name)
      ? configuration.contexts[name]
      : undefined;
    if (taken === undefined) return true;
    const sameUser = taken.user === undefined || user === undefined || taken.user === user;
    return taken.server === server && taken.tenant?.id === tenant?.id && sameUser;
  };
  if (named === undefined) {
    const slug = tenant?.slug ?? user ?? 'admin';
    const host = `${slug}@${new URL(server).host}`;
    for (let count = 1; ; count += 1) {
      const person = user === undefined || tenant === null ? [] : [`${user}-${slug}`];
      // An administrator's name alone would read as a tenant's.
      const usual = tenant === null ? [host] : [slug, host, ...person];
      const free = [...usual, `${host}-${count + 1}`].find(mayBe);
      if (free !== undefined) return free;
    }
  }
  if (mayBe(named)) return named;
  throw new AbortError(
    'other-tenant',
    `The context ${named} belongs to another account or tenant than this one (${tenant?.slug ?? 'no tenant'}).`,
    {
      exitCode: ExitCode.auth,
      suggestions: ['Leave --context out, or choose another name for it.'],
    },
  );
}

/**
 * Seen before anybody goes to the trouble of signing in.
 *
 * @throws AbortError `bad-context-name` (2)
 */
export function checkContextName(name: string | undefined): void {
  if (name === undefined || (/^[\w.@:-]{1,64}$/.test(name) && name !== '__proto__')) return;
  throw new AbortError('bad-context-name', `${name} is no name for a context.`, {
    exitCode: ExitCode.usage,
    suggestions: ['It has 1 to 64 letters, digits and . _ @ : -'],
  });
}
