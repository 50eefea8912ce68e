import type { Me } from '../api/contract/auth.ts';
import type { Host } from '../platform/host.ts';
import { storedBucketKey, type Account } from './open.ts';
import { storedSession } from './tokens.ts';

export interface WhoAmI {
  /** User name; for a credential that belongs to nobody, what the server calls it. */
  account: string;
  user: Me['user'];
  role: Me['role'];
  /** What the server was shown. */
  kind: Me['kind'];
  signed_in_by: 'CLOUD_TOKEN' | 'session' | 'API key';
  /** What is behind the sign-in: ending this ends the access. */
  credential: Me['credential'];
  scopes: string[];
  /** Null: administers the server. */
  tenant: { id: string; slug: string; name: string } | null;
  server: string;
  /** Null: `CLOUD_TOKEN` alone. */
  context: string | null;
  bucket: string | null;
  /** Where the key of the stored secrets lies. */
  secrets: 'keychain' | 'file' | 'none';
}

/** Asks the server who the session is; nothing is answered from memory. */
export async function whoAmI(account: Account, host: Host): Promise<WhoAmI> {
  const { api, context, secrets } = account;
  const me = await api.me();
  const { tenant } = me;
  const stored = await storedBucketKey(secrets, context.name);
  const { user, role, kind, scopes, credential } = me;
  return {
    ...{ account: user?.username ?? me.subject, user, role, kind },
    signed_in_by: await signedInBy(account, host),
    ...{ credential, scopes, tenant },
    server: context.server,
    context: context.name === '' ? null : context.name,
    bucket: stored !== undefined && stored.tenant_id === tenant?.id ? stored.bucket_name : null,
    secrets: await secrets.place(),
  };
}

async function signedInBy(
  { context, secrets }: Account,
  host: Host,
): Promise<WhoAmI['signed_in_by']> {
  if ((host.env['CLOUD_TOKEN'] ?? '') !== '') return 'CLOUD_TOKEN';
  return (await storedSession(context.name, secrets)) === undefined ? 'API key' : 'session';
}
