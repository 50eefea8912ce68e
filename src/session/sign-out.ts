import { createApiClient, type ApiClient } from '../api/client.ts';
import type { Host } from '../platform/host.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { readConfiguration, updateConfiguration } from './configuration.ts';
import { openSession, storedBucketKey } from './open.ts';
import type { SecretStore } from './secret-store.ts';
import { accountFor, type AccountContext, type SessionFlags } from './settings.ts';
import { STORED, storedSession } from './tokens.ts';

/**
 * What became of something that the server knows: `none` was there; the server could not be asked
 * (`unreachable`) or did not let us (`refused`), and it stays valid; `kept` on purpose.
 */
export type Revocation = 'revoked' | 'none' | 'unreachable' | 'refused' | 'kept';

export interface SignedOut {
  /** Null: nobody was signed in, which is what was wanted. */
  context: string | null;
  server: string | null;
  session: Revocation;
  /** This machine's key for the bucket. */
  bucket_key: Revocation;
  /** The API key is only forgotten here: other machines may use it. */
  api_key_forgotten: boolean;
}

export interface SignOutDeps {
  signal: AbortSignal;
  secrets: SecretStore;
  /** May refuse, before anything is done. */
  check: (context: string) => void;
  /** Whether to revoke this machine's bucket key; asked only where there is one. */
  revokeKey: (context: string) => Promise<boolean>;
}

const NOBODY: SignedOut = {
  ...{ context: null, server: null, session: 'none', bucket_key: 'none' },
  api_key_forgotten: false,
};

/**
 * Signs out: revokes this machine's bucket key and the session on the server, then forgets the
 * secrets and the context. Idempotent: run again after an interruption it goes on.
 */
export async function signOut(
  host: Host,
  flags: SessionFlags,
  deps: SignOutDeps,
): Promise<SignedOut> {
  const context = accountFor(await readConfiguration(host), flags);
  if (context === undefined) return NOBODY;
  deps.check(context.name);
  return signOutOf(context, host, deps);
}

/** The same for every context of this machine. */
export async function signOutOfAll(host: Host, deps: SignOutDeps): Promise<SignedOut[]> {
  const { contexts } = await readConfiguration(host);
  const all = Object.entries(contexts).map(([name, context]) => ({ name, ...context }));
  for (const { name } of all) deps.check(name);
  const results: SignedOut[] = [];
  for (const context of all) results.push(await signOutOf(context, host, deps));
  return results;
}

async function signOutOf(
  context: AccountContext,
  host: Host,
  deps: SignOutDeps,
): Promise<SignedOut> {
  const { name, server } = context;
  const { secrets, signal } = deps;
  // The key first: with the session gone, nobody here may revoke it.
  const bucketKey = await endBucketKey(context, host, deps);
  const session = await storedSession(name, secrets);
  const ended =
    session === undefined
      ? 'none'
      : await asked(() => createApiClient({ server, signal }).revokeToken(session.refreshToken));
  const hadApiKey = (await secrets.getPassword(STORED.apiKey, name)) !== null;
  for (const service of Object.values(STORED)) await secrets.deletePassword(service, name);
  await updateConfiguration(host, (configuration) => {
    const { [name]: _forgotten, ...others } = configuration.contexts;
    configuration.contexts = others;
    if (configuration.currentContext === name) delete configuration.currentContext;
  });
  return {
    ...{ context: name, server, session: ended, bucket_key: bucketKey },
    api_key_forgotten: hadApiKey,
  };
}

async function endBucketKey(
  context: AccountContext,
  host: Host,
  { secrets, signal, revokeKey }: SignOutDeps,
): Promise<Revocation> {
  const key = await storedBucketKey(secrets, context.name);
  if (key === undefined) return 'none';
  if (!(await revokeKey(context.name))) return 'kept';
  const { api } = await openSession(host, { context: context.name }, { secrets, signal });
  const ended = await asked(() => api.revokeMountCredential(key.id));
  return ended === 'refused' && (await isGone(api, key.id)) ? 'revoked' : ended;
}

/** Of somebody else's key the server does not say that it is revoked already. */
async function isGone(api: ApiClient, id: string): Promise<boolean> {
  try {
    return (await api.listMountCredentials()).credentials.every((known) => known.id !== id);
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
    return false;
  }
}

async function asked(revoke: () => Promise<void>): Promise<Revocation> {
  try {
    await revoke();
    return 'revoked';
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
    // Gone already is what was wanted.
    if (error.details['status'] === 404) return 'revoked';
    return error.exitCode === ExitCode.unreachable ? 'unreachable' : 'refused';
  }
}
