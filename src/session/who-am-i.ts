import type { Me } from '../api/contract/auth.ts';
import type { Host } from '../platform/host.ts';
import { readConfiguration } from './configuration.ts';
import { storedBucketKey, type Session } from './open.ts';

export interface WhoAmI {
  account: string;
  /** What the server was shown. */
  kind: Me['kind'];
  signed_in_by: 'CLOUD_TOKEN' | 'stored API key';
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
  const tenant = me.tenant ?? session.context.tenant;
  const stored = await storedBucketKey(session.secrets, session.context.name);
  const { insecureStorage } = await readConfiguration(host);
  return {
    account: me.subject,
    kind: me.kind,
    signed_in_by: (host.env['CLOUD_TOKEN'] ?? '') === '' ? 'stored API key' : 'CLOUD_TOKEN',
    scopes: me.scopes,
    tenant,
    server: session.context.server,
    context: session.context.name,
    bucket: stored !== undefined && stored.tenant_id === tenant.id ? stored.bucket_name : null,
    secrets:
      insecureStorage === true ? 'in a file that only your user can read' : 'in the keychain',
  };
}
