import type { Me } from '../api/contract/auth.ts';
import type { Host } from '../platform/host.ts';
import { readConfiguration } from './configuration.ts';
import { storedBucketKey, type Session } from './open.ts';

export interface WhoAmI {
  account: string;
  kind: Me['kind'];
  scopes: string[];
  tenant: { id: string; slug: string; name: string };
  server: string;
  context: string;
  bucket: string | null;
  /** Where the key of the stored secrets lies, in words. */
  secrets: string;
}

/** Asks the server who the session is; nothing is answered from memory. */
export async function whoAmI(session: Session, host: Host): Promise<WhoAmI> {
  const me = await session.api.me();
  const stored = await storedBucketKey(session.secrets, session.context.name);
  const { insecureStorage } = await readConfiguration(host);
  return {
    account: me.subject,
    kind: me.kind,
    scopes: me.scopes,
    tenant: me.tenant ?? session.context.tenant,
    server: session.context.server,
    context: session.context.name,
    bucket: stored?.bucket_name ?? null,
    secrets:
      insecureStorage === true ? 'in a file that only your user can read' : 'in the keychain',
  };
}
