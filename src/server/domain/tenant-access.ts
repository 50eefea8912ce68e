import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import type { StorageProvider } from '../storage/provider.ts';
import { findTenant, mayUseBucket } from './tenant-view.ts';

interface TenantAccessDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
}

/**
 * Brings the bucket keys of a tenant at the provider to what policy and status say: active, or
 * inactive so that running mounts and watchers stop. A row says what the provider has confirmed; it is
 * `changing` around each call, so that a crash or a lost reply is seen and made good by the next pass.
 */
export class TenantAccess {
  readonly #deps: TenantAccessDeps;
  /** One pass at a time for a tenant: two could overtake each other on the way to the provider. */
  readonly #passes = new Map<string, Promise<void>>();
  constructor(deps: TenantAccessDeps) {
    this.#deps = deps;
  }

  /** @throws StorageError; what was not done then is seen as `pending`, and is left to `applyAll` */
  async apply(tenantId: string): Promise<void> {
    const before = this.#passes.get(tenantId) ?? Promise.resolve();
    const pass = before.catch(() => undefined).then(() => this.#pass(tenantId));
    this.#passes.set(tenantId, pass);
    try {
      await pass;
    } finally {
      if (this.#passes.get(tenantId) === pass) this.#passes.delete(tenantId);
    }
  }

  /** The provider says something else of this key than we believed: it is set anew. @throws StorageError */
  async doubt(credentialId: string, tenantId: string): Promise<void> {
    await this.#note(credentialId, 'changing');
    await this.apply(tenantId);
  }

  /** Every tenant with a key that is not as it should be. @returns how many were made good */
  async applyAll(): Promise<{ tenants: number; failure: unknown }> {
    const rows = await this.#deps.db
      .selectFrom('tenant_mount_credentials')
      .innerJoin('tenants', 'tenants.id', 'tenant_mount_credentials.tenant_id')
      .leftJoin('tenant_policies', 'tenant_policies.tenant_id', 'tenants.id')
      .select(['tenants.id', 'status', 'policy', 'provider_status'])
      .where('revoked_at', 'is', null)
      // `mayUseBucket` says it again below: of many keys few differ, and only those are read.
      .where((where) => {
        const allowed = where.and([
          where('status', '=', 'active'),
          where('policy', '=', 'allowed'),
        ]);
        const other = where.or([
          where('status', '<>', 'active'),
          where('policy', 'is', null),
          where('policy', '<>', 'allowed'),
        ]);
        return where.or([
          where.and([allowed, where('provider_status', '<>', 'active')]),
          where.and([other, where('provider_status', '<>', 'inactive')]),
        ]);
      })
      .distinct()
      .execute();
    const due = rows.filter(
      ({ status, policy, provider_status: known }) =>
        known !== (mayUseBucket({ status, policy: policy ?? 'denied' }) ? 'active' : 'inactive'),
    );
    const ids = new Set(due.map(({ id }) => id));
    let tenants = 0;
    for (const id of ids) {
      try {
        await this.apply(id);
        tenants += 1;
      } catch (failure) {
        return { tenants, failure };
      }
    }
    return { tenants, failure: undefined };
  }

  async #pass(tenantId: string): Promise<void> {
    const { db } = this.#deps;
    // Until nothing differs: policy and keys may change meanwhile, and whoever is last looks again.
    for (;;) {
      const tenant = await findTenant(db, tenantId);
      if (tenant === undefined) return;
      const wanted = mayUseBucket(tenant) ? 'active' : 'inactive';
      const rows = await db
        .selectFrom('tenant_mount_credentials')
        .select(['id', 'access_key'])
        .where('tenant_id', '=', tenantId)
        .where('revoked_at', 'is', null)
        .where('provider_status', '<>', wanted)
        .execute();
      if (rows.length === 0) return;
      for (const row of rows) await this.#set(row, wanted);
    }
  }

  async #set(
    { id, access_key: key }: { id: string; access_key: string },
    wanted: 'active' | 'inactive',
  ): Promise<void> {
    await this.#note(id, 'changing');
    // A key that is not there is for `drift` to report; it opens nothing, so it is inactive enough.
    await this.#deps.storage.setAccessKeyActive(key, wanted === 'active');
    await this.#note(id, wanted);
  }

  async #note(id: string, status: 'active' | 'inactive' | 'changing'): Promise<void> {
    const updated_at = new Date(this.#deps.clock.now()).toISOString();
    await this.#deps.db
      .updateTable('tenant_mount_credentials')
      .set({ provider_status: status, updated_at })
      .where('id', '=', id)
      .execute();
  }
}
