import type { Kysely } from 'kysely';
import type { TenantSummary } from '../../api/contract/auth.ts';
import type { Role, Scope } from '../../api/contract/scopes.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { HttpProblem } from '../errors.ts';
import type { Floods } from './floods.ts';
import type { Passwords } from './passwords.ts';
import type { UserRow } from './principal.ts';
import { placeOf, type RateLimits } from './rate-limits.ts';
import { effectiveRole, effectiveScopes, scopesOfBinding } from './roles.ts';
import { normalizeUsername } from './usernames.ts';

export interface SignInDeps {
  db: Database;
  clock: Clock;
  passwords: Passwords;
  limits: RateLimits;
  floods: Floods;
}

/**
 * The user with this name and password. Whatever is wrong, the refusal is the same and takes the
 * same time.
 *
 * @throws HttpProblem 401 `sign-in-failed`; 429 `too-many-tries`; 503 `busy`
 */
export async function checkPassword(
  deps: SignInDeps,
  given: { username: string; password: string; address: string },
): Promise<UserRow> {
  const { db, limits, floods, passwords } = deps;
  const name = normalizeUsername(given.username);
  const tries = [
    ['sign-in-address', placeOf(given.address)],
    ['sign-in-account', name ?? ''],
  ] as const;
  // Before the work, so that many at once are counted too.
  await limits.take('sign-ins', name ?? '');
  for (const [limit, key] of tries) await limits.take(limit, key);
  const user = await db
    .selectFrom('users')
    .selectAll()
    .where('username', '=', name ?? '')
    .executeTakeFirst();
  const isRight = await passwords.verify(given.password, user?.password_hash);
  if (isRight && user?.status === 'active') {
    for (const [limit, key] of tries) await limits.giveBack(limit, key);
    return user;
  }
  floods.note('LoginFailedEvent', user?.id, isRight ? 'deactivated' : 'wrong name or password');
  throw new HttpProblem(401, 'sign-in-failed', 'User name or password is wrong.', {
    headers: { 'www-authenticate': 'Bearer realm="cloud"' },
  });
}

/** A tenant that a session can be bound to, or none (to administer), and what it may do there. */
export interface Choice {
  tenant: TenantSummary | null;
  role: Role;
  /** Role ∩ what was asked for ∩ binding; never empty. */
  scopes: Scope[];
}

/** By name; the choice of no tenant comes last. */
export async function choicesOf(
  db: Kysely<Schema>,
  user: Pick<UserRow, 'id' | 'role'>,
  asked: readonly Scope[] | undefined,
): Promise<Choice[]> {
  const rows = await db
    .selectFrom('tenants')
    .innerJoin('tenant_policies', 'tenant_policies.tenant_id', 'tenants.id')
    .leftJoin('memberships', (join) =>
      join
        .onRef('memberships.tenant_id', '=', 'tenants.id')
        .on('memberships.user_id', '=', user.id),
    )
    .select(['tenants.id', 'tenants.slug', 'tenants.name', 'memberships.role'])
    .where('tenants.status', '=', 'active')
    .where('tenant_policies.policy', '=', 'allowed')
    .$if(user.role === 'member', (query) => query.where('memberships.role', 'is not', null))
    .orderBy('tenants.name')
    .orderBy('tenants.slug')
    .execute();
  const choices = [...rows, null].map((row) => {
    const tenant = row === null ? null : { id: row.id, slug: row.slug, name: row.name };
    const role = effectiveRole(user.role, row?.role ?? undefined);
    const binding = tenant?.id ?? null;
    const scopes = effectiveScopes(role, asked ?? scopesOfBinding(binding), binding);
    return { tenant, role, scopes };
  });
  return choices.filter(
    (choice): choice is Choice => choice.role !== undefined && choice.scopes.length > 0,
  );
}

/**
 * The choice that was asked for: by id or slug, null for none; undefined for the only one.
 *
 * @throws HttpProblem 403 `no-tenant`, 409 `tenant-choice-needed`
 */
export function choose(choices: readonly Choice[], wanted: string | null | undefined): Choice {
  if (wanted !== undefined) {
    const found = choices.find(({ tenant }) =>
      wanted === null ? tenant === null : tenant?.id === wanted || tenant?.slug === wanted,
    );
    if (found === undefined) throw noTenant();
    return found;
  }
  const tenants = choices.flatMap(({ tenant }) => (tenant === null ? [] : [tenant]));
  if (tenants.length > 1) {
    throw new HttpProblem(
      409,
      'tenant-choice-needed',
      'There are several tenants to choose from.',
      {
        tenants: tenants.slice(0, 100),
        detail: 'Name one of them: tenant.',
      },
    );
  }
  const [only] = choices;
  if (only === undefined) throw noTenant();
  return only;
}

function noTenant(): HttpProblem {
  return new HttpProblem(403, 'no-tenant', 'There is no such tenant that you may use.');
}
