import { sql } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import { prepare } from '../db/prepared.ts';
import type { Database } from '../db/sqlite.ts';
import type { StorageProvider } from '../storage/provider.ts';
import { findTenant, mayUseBucket } from './tenant-view.ts';
import { takeTurns } from './turns.ts';

interface TenantAccessDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
}

/** Tenants that are looked at together: a millisecond or two on SQLite, where requests wait for it. */
const BATCH = 200;

/** `mayUseBucket` in the database's words. */
const wantedStatus = sql<'active' | 'inactive'>`
  case when tenants.status = 'active' and tenant_policies.policy = 'allowed'
  then 'active' else 'inactive' end`;

/** The next tenants by id, and whether they have a key that is not as it should be. */
const lookAt = prepare(['after'], (db, { after }) =>
  db
    .selectFrom('tenants')
    .leftJoin('tenant_policies', 'tenant_policies.tenant_id', 'tenants.id')
    .select((tenant) => [
      'tenants.id',
      tenant
        .exists(
          tenant
            .selectFrom('tenant_mount_credentials as key')
            .select('key.tenant_id')
            .whereRef('key.tenant_id', '=', 'tenants.id')
            .where('key.revoked_at', 'is', null)
            .where('key.provider_status', '<>', wantedStatus),
        )
        .as('differs'),
    ])
    .where('tenants.id', '>', after)
    .orderBy('tenants.id')
    .limit(BATCH),
);

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

  /**
   * What was not done when it ends is seen as `pending`, and is left to `applyAll`.
   *
   * @param until no further key is set then, in milliseconds since the epoch
   * @throws StorageError
   */
  async apply(tenantId: string, until = Infinity): Promise<void> {
    const before = this.#passes.get(tenantId) ?? Promise.resolve();
    const pass = before.catch(() => undefined).then(() => this.#pass(tenantId, until));
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
  async applyAll(signal?: AbortSignal): Promise<{ tenants: number; failure: unknown }> {
    let tenants = 0;
    const turn = takeTurns();
    try {
      for (let last: string | undefined = ''; last !== undefined;) {
        signal?.throwIfAborted();
        const batch = await lookAt(this.#deps.db, { after: last });
        for (const { id, differs } of batch) {
          if (!differs) continue;
          await this.apply(id);
          tenants += 1;
        }
        last = batch.at(-1)?.id;
        await turn();
      }
      return { tenants, failure: undefined };
    } catch (failure) {
      return { tenants, failure };
    }
  }

  async #pass(tenantId: string, until: number): Promise<void> {
    const { db, clock } = this.#deps;
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
      for (const row of rows) {
        if (clock.now() >= until) return;
        await this.#set(row, wanted);
      }
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
