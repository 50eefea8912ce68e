import {
  AbandonedState,
  CreatedTenant,
  PurgePlan,
  PurgeState,
  TenantDetail,
  TenantList,
  type ChangeTenant,
  type CreateTenant,
  type SetPolicy,
} from './contract/admin.ts';
import {
  AdminTokenList,
  AdminTokenWithSecret,
  type CreateAdminToken,
  type RotateAdminToken,
} from './contract/admin-tokens.ts';
import { DriftReport } from './contract/drift.ts';
import { pathPart, withQuery, type Send } from './request.ts';

/** What administers tenants and tokens. `ref` is an id, a slug or a former slug. */
export interface TenantCalls {
  createTenant(body: CreateTenant): Promise<CreatedTenant>;
  listTenants(): Promise<TenantList>;
  showTenant(ref: string): Promise<TenantDetail>;
  changeTenant(ref: string, body: ChangeTenant): Promise<TenantDetail>;
  setTenantPolicy(ref: string, body: SetPolicy): Promise<TenantDetail>;
  removeTenant(ref: string): Promise<TenantDetail>;
  restoreTenant(ref: string): Promise<TenantDetail>;
  planPurge(ref: string): Promise<PurgePlan>;
  /** `slug`: the confirmation, and not a former one. */
  purgeTenant(ref: string, slug: string): Promise<PurgeState>;
  /** What would be given up. */
  planAbandon(ref: string): Promise<AbandonedState>;
  abandonDeletion(ref: string, slug: string): Promise<AbandonedState>;
  /** Compares database and storage; of one tenant, or all. */
  findDrift(tenant?: string): Promise<DriftReport>;
  /** `foreign`: also what this server never issued. */
  fixDrift(tenant?: string, foreign?: boolean): Promise<DriftReport>;
  createAdminToken(body: CreateAdminToken): Promise<AdminTokenWithSecret>;
  listAdminTokens(filter: {
    tenant?: string | undefined;
    ended?: boolean;
  }): Promise<AdminTokenList>;
  rotateAdminToken(id: string, body: RotateAdminToken): Promise<AdminTokenWithSecret>;
  revokeAdminToken(id: string): Promise<void>;
}

const TENANTS = 'api/v1/admin/tenants';
const DRIFT = 'api/v1/admin/drift';
const TOKENS = 'api/v1/admin/tokens';

export function tenantCalls(call: Send): TenantCalls {
  const one = (ref: string): string => `${TENANTS}/${pathPart(ref)}`;
  const detail = { answer: TenantDetail, mayBeGone: true };
  const abandoned = { answer: AbandonedState, mayBeGone: true };
  const secret = { answer: AdminTokenWithSecret, mayBeGone: true };
  return {
    createTenant: (json) => call({ method: 'POST', path: TENANTS, json, answer: CreatedTenant }),
    listTenants: () => call({ method: 'GET', path: TENANTS, answer: TenantList }),
    showTenant: (ref) => call({ method: 'GET', path: one(ref), ...detail }),
    changeTenant: (ref, json) => call({ method: 'PATCH', path: one(ref), json, ...detail }),
    setTenantPolicy: (ref, json) =>
      call({ method: 'PUT', path: `${one(ref)}/policy`, json, ...detail }),
    removeTenant: (ref) => call({ method: 'DELETE', path: one(ref), ...detail }),
    restoreTenant: (ref) => call({ method: 'POST', path: `${one(ref)}/restore`, ...detail }),
    planPurge: (ref) =>
      call({
        method: 'POST',
        path: `${one(ref)}/purge?dry_run=true`,
        answer: PurgePlan,
        mayBeGone: true,
      }),
    purgeTenant: (ref, slug) =>
      call({
        method: 'POST',
        path: `${one(ref)}/purge`,
        json: { confirm: slug },
        answer: PurgeState,
        mayBeGone: true,
      }),
    planAbandon: (ref) =>
      call({ method: 'POST', path: `${one(ref)}/abandon?dry_run=true`, ...abandoned }),
    abandonDeletion: (ref, slug) =>
      call({ method: 'POST', path: `${one(ref)}/abandon`, json: { confirm: slug }, ...abandoned }),
    findDrift: (tenant) =>
      call({
        method: 'GET',
        path: withQuery(DRIFT, { tenant }),
        answer: DriftReport,
        mayBeGone: true,
      }),
    fixDrift: (tenant, foreign) =>
      call({
        method: 'POST',
        path: withQuery(DRIFT, { tenant, foreign: foreign === true ? 'true' : undefined }),
        answer: DriftReport,
        mayBeGone: true,
      }),
    createAdminToken: (json) => call({ method: 'POST', path: TOKENS, json, ...secret }),
    listAdminTokens: ({ tenant, ended }) => {
      const path = withQuery(TOKENS, { tenant, ended: ended === true ? 'true' : undefined });
      return call({ method: 'GET', path, answer: AdminTokenList, mayBeGone: true });
    },
    rotateAdminToken: (id, json) =>
      call({ method: 'POST', path: `${TOKENS}/${pathPart(id)}/rotate`, json, ...secret }),
    revokeAdminToken: async (id) => {
      await call({ method: 'DELETE', path: `${TOKENS}/${pathPart(id)}` });
    },
  };
}
