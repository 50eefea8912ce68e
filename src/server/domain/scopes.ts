/**
 * What a credential may do. A tenant's own: `mount:read` (mount info, read-only keys), `mount`
 * (read-write keys, end its own), `tenant` (end any in the tenant). The rest administers the server.
 */
export const SCOPES = [
  'mount:read',
  'mount',
  'tenant',
  'tenants',
  'users',
  'tokens',
  'audit:read',
  'instance',
] as const;
export type Scope = (typeof SCOPES)[number];

/** An API key that comes with a new tenant stands for the whole tenant. */
export const TENANT_SCOPES: readonly Scope[] = ['mount:read', 'mount', 'tenant'];

/** Parses what we stored ourselves; a scope of another version is left out, never widened. */
export function parseScopes(text: string): Scope[] {
  const names = text.split(' ');
  return SCOPES.filter((scope) => names.includes(scope));
}
