import {
  INSTANCE_SCOPES,
  SCOPES,
  TENANT_SCOPES,
  type InstanceRole,
  type Role,
  type Scope,
  type TenantRole,
} from '../../api/contract/scopes.ts';

/** What each role may do at most. */
const ROLE_SCOPES: Record<Role, readonly Scope[]> = {
  owner: SCOPES,
  admin: SCOPES.filter((scope) => scope !== 'instance'),
  tenant_admin: TENANT_SCOPES,
  editor: ['mount:read', 'mount'],
  viewer: ['mount:read'],
};

/** What can be in force at all for a credential that is bound to a tenant, or to none. */
export function scopesOfBinding(tenantId: string | null): readonly Scope[] {
  return tenantId === null ? INSTANCE_SCOPES : TENANT_SCOPES;
}

/** As what a user acts in a tenant (`membership`: the role there, if any), or on the server. */
export function effectiveRole(
  instance: InstanceRole,
  membership: TenantRole | undefined,
): Role | undefined {
  return instance === 'member' ? membership : instance;
}

/** Role ∩ scopes ∩ tenant binding. No role, no right. */
export function effectiveScopes(
  role: Role | undefined,
  scopes: readonly Scope[],
  tenantId: string | null,
): Scope[] {
  if (role === undefined) return [];
  const binding = scopesOfBinding(tenantId);
  return scopes.filter((scope) => ROLE_SCOPES[role].includes(scope) && binding.includes(scope));
}
