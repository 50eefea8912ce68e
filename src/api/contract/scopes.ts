import * as z from 'zod/mini';

/**
 * What a credential may do. Within its tenant: `mount:read` (mount info, read-only keys), `mount`
 * (read-write keys, end its own), `tenant` (end any in the tenant, members, API keys).
 */
export const TENANT_SCOPES = ['mount:read', 'mount', 'tenant'] as const;
/** What administers the server; a credential that is bound to a tenant has none of these. */
export const INSTANCE_SCOPES = ['tenants', 'users', 'tokens', 'audit:read', 'instance'] as const;
export const SCOPES = [...TENANT_SCOPES, ...INSTANCE_SCOPES] as const;
export const Scope = z.enum(SCOPES);
export type Scope = z.infer<typeof Scope>;

/** Of a user on the whole server; `member` has only what memberships give. */
export const InstanceRole = z.enum(['owner', 'admin', 'member']);
export type InstanceRole = z.infer<typeof InstanceRole>;

/** Of a member in one tenant. */
export const TenantRole = z.enum(['tenant_admin', 'editor', 'viewer']);
export type TenantRole = z.infer<typeof TenantRole>;

/** As what a principal acts: an owner or admin everywhere as such, a member by the membership. */
export const Role = z.enum(['owner', 'admin', 'tenant_admin', 'editor', 'viewer']);
export type Role = z.infer<typeof Role>;
