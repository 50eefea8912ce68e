import type { Transaction } from 'kysely';
import * as z from 'zod/mini';
import { TenantLimits } from '../../api/contract/admin.ts';
import type { Clock } from '../../platform/clock.ts';
import { lockInTransaction } from '../db/dialect.ts';
import type { Schema } from '../db/schema.ts';
import { HttpProblem } from '../errors.ts';

const DEFAULTS: TenantLimits = {
  mount_credentials: 100,
  mount_credentials_per_user: 10,
  tokens: 50,
};
const Stored = z.partial(TenantLimits);
type Stored = z.infer<typeof Stored>;

/** Those in force, from the column `limits`: what was set for the tenant, else the defaults. */
export function limitsOf(column: string | null): TenantLimits {
  const stored = storedLimits(column);
  return {
    mount_credentials: stored.mount_credentials ?? DEFAULTS.mount_credentials,
    mount_credentials_per_user:
      stored.mount_credentials_per_user ?? DEFAULTS.mount_credentials_per_user,
    tokens: stored.tokens ?? DEFAULTS.tokens,
  };
}

/** Only what was set for the tenant. */
export function storedLimits(column: string | null): Stored {
  return column === null ? {} : Stored.parse(JSON.parse(column));
}

/** Makes transactions about one tenant wait for each other, until they end. */
export async function lockTenant(transaction: Transaction<Schema>, id: string): Promise<void> {
  await transaction.selectFrom('tenants').select('id').where('id', '=', id).forUpdate().execute();
}

/**
 * Whether one more bucket key may be issued. Counts those in force and those under way; not what
 * takes the place of another, as long as both are there. Behind `lockTenant`.
 *
 * @param subjects names of the user whose own limit counts too; undefined for a key of nobody
 * @throws HttpProblem 409 `credential-limit`, `user-credential-limit`
 */
export async function assertRoomForCredential(
  transaction: Transaction<Schema>,
  clock: Clock,
  tenantId: string,
  subjects: ReadonlySet<string> | undefined,
): Promise<void> {
  const limits = await limitsOfTenant(transaction, tenantId);
  const creators = await creatorsOfCredentials(transaction, clock, tenantId);
  if (creators.length >= limits.mount_credentials) {
    throw limitReached('credential-limit', limits.mount_credentials, {
      title: 'This tenant has too many bucket keys.',
      cure: 'Revoke some, or rotate one.',
    });
  }
  const own = creators.filter((creator) => subjects?.has(creator) === true).length;
  if (subjects === undefined || own < limits.mount_credentials_per_user) return;
  throw limitReached('user-credential-limit', limits.mount_credentials_per_user, {
    title: 'You have too many bucket keys.',
    cure: 'Revoke some, or rotate one.',
  });
}

async function creatorsOfCredentials(
  transaction: Transaction<Schema>,
  clock: Clock,
  tenantId: string,
): Promise<string[]> {
  const now = new Date(clock.now()).toISOString();
  const rows = await transaction
    .selectFrom('tenant_mount_credentials')
    .select(['id', 'created_by', 'replaces'])
    .where('tenant_id', '=', tenantId)
    .where('revoked_at', 'is', null)
    .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', now)]))
    .execute();
  const ids = new Set(rows.map(({ id }) => id));
  const counted = rows.filter(({ replaces }) => replaces === null || !ids.has(replaces));
  const underWay = await transaction
    .selectFrom('provisioning_intents')
    .select('created_by')
    .where('tenant_id', '=', tenantId)
    .where('kind', '=', 'mount_credential')
    .where('created_by', 'is not', null)
    .execute();
  return [...counted, ...underWay].map(({ created_by: creator }) => creator ?? '');
}

/**
 * Makes room for one more token: in each tenant, and beside them all, every owner has so many, and so
 * have those of nobody together. Another transaction that counts the same waits until this one ends.
 *
 * @throws HttpProblem 409 `token-limit`
 */
export async function claimRoomForToken(
  transaction: Transaction<Schema>,
  clock: Clock,
  { tenantId, ownerId }: { tenantId: string | null; ownerId: string | null },
): Promise<void> {
  if (tenantId === null) await lockInTransaction(transaction, 'tokens');
  else await lockTenant(transaction, tenantId);
  const limit =
    tenantId === null ? DEFAULTS.tokens : (await limitsOfTenant(transaction, tenantId)).tokens;
  const rows = await transaction
    .selectFrom('credentials')
    .select('id')
    .where('tenant_id', 'is not distinct from', tenantId)
    .where('owner_id', 'is not distinct from', ownerId)
    .where('revoked_at', 'is', null)
    // Of those that took each other's place only the newest counts.
    .where('replaced_by', 'is', null)
    .where('expires_at', '>', new Date(clock.now()).toISOString())
    .execute();
  if (rows.length < limit) return;
  throw limitReached('token-limit', limit, {
    title: 'There are too many tokens.',
    cure: 'Revoke some, or rotate one.',
  });
}

async function limitsOfTenant(
  transaction: Transaction<Schema>,
  tenantId: string,
): Promise<TenantLimits> {
  const row = await transaction
    .selectFrom('tenants')
    .select('limits')
    .where('id', '=', tenantId)
    .executeTakeFirst();
  return limitsOf(row?.limits ?? null);
}

function limitReached(
  code: string,
  limit: number,
  { title, cure }: { title: string; cure: string },
): HttpProblem {
  const detail = `At most ${limit} are in force at once. ${cure}`;
  return new HttpProblem(409, code, title, { detail, limit });
}
