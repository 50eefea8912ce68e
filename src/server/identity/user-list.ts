import type { Kysely } from 'kysely';
import { DEFAULT_PAGE } from '../../api/contract/page.ts';
import type { User, UserList, UserQuery } from '../../api/contract/users.ts';
import type { Schema } from '../db/schema.ts';
import type { UserRow } from './principal.ts';
import { requireUser } from './user-rows.ts';

/** One page, by name: two queries, however many there are. */
export async function listUsers(db: Kysely<Schema>, query: UserQuery): Promise<UserList> {
  const { limit = DEFAULT_PAGE, after, role, status, tenant } = query;
  const rows = await db
    .selectFrom('users')
    .selectAll()
    .$if(after !== undefined, (users) => users.where('username', '>', after ?? ''))
    .$if(role !== undefined, (users) => users.where('role', '=', role ?? 'member'))
    .$if(status !== undefined, (users) => users.where('status', '=', status ?? 'active'))
    .$if(tenant !== undefined, (users) =>
      users.where('id', 'in', (members) =>
        members
          .selectFrom('memberships')
          .innerJoin('tenants', 'tenants.id', 'memberships.tenant_id')
          .select('memberships.user_id')
          .where((either) =>
            either.or([
              either('tenants.id', '=', tenant ?? ''),
              either('tenants.slug', '=', tenant ?? ''),
            ]),
          ),
      ),
    )
    .orderBy('username')
    .limit(limit + 1)
    .execute();
  const page = rows.slice(0, limit);
  const memberships = await membershipsOf(
    db,
    page.map(({ id }) => id),
  );
  return {
    users: page.map((row) => toUser(row, memberships.get(row.id) ?? [])),
    next: rows.length > limit ? (page.at(-1)?.username ?? null) : null,
  };
}

/** By id or user name. @throws HttpProblem 404 `user-not-found` */
export async function showUser(db: Kysely<Schema>, ref: string): Promise<User> {
  const row = await requireUser(db, ref);
  return toUser(row, (await membershipsOf(db, [row.id])).get(row.id) ?? []);
}

async function membershipsOf(
  db: Kysely<Schema>,
  userIds: readonly string[],
): Promise<Map<string, User['memberships']>> {
  if (userIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('memberships')
    .innerJoin('tenants', 'tenants.id', 'memberships.tenant_id')
    .select([
      'memberships.user_id',
      'memberships.role',
      'tenants.id',
      'tenants.slug',
      'tenants.name',
    ])
    .where('tenants.status', '<>', 'purged')
    .where('memberships.user_id', 'in', userIds)
    .orderBy('tenants.slug')
    .execute();
  const found = new Map<string, User['memberships']>();
  for (const { user_id: user, role, id, slug, name } of rows) {
    const list = found.get(user) ?? [];
    list.push({ tenant: { id, slug, name }, role });
    found.set(user, list);
  }
  return found;
}

export function toUser(row: UserRow, memberships: User['memberships']): User {
  const { id, username, display_name, email, role, status, created_at, last_sign_in_at } = row;
  return {
    ...{ id, username, display_name, email, role, status, memberships },
    created_at,
    last_sign_in_at,
  };
}
