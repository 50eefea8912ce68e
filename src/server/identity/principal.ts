import type { Kysely, NotNull, Selectable } from 'kysely';
import type { Tenant } from '../../api/contract/admin.ts';
import type { Me } from '../../api/contract/auth.ts';
import type { InstanceRole, Role, Scope } from '../../api/contract/scopes.ts';
import type { Clock } from '../../platform/clock.ts';
import { prepare } from '../db/prepared.ts';
import type { Schema, SessionsTable, UsersTable } from '../db/schema.ts';
import { parseScopes } from '../domain/scopes.ts';
import { newestKeyOf } from '../domain/mount-info.ts';
import { findTenant } from '../domain/tenant-view.ts';
import { tokenState, type Credential } from '../domain/tokens.ts';
import { effectiveRole, effectiveScopes } from './roles.ts';

export type UserRow = Selectable<UsersTable>;
export type SessionRow = Selectable<SessionsTable>;

/** Who makes the request, as the verified credential and the tables say at this moment. */
export interface Principal {
  kind: Me['kind'];
  /** `user:<id>` of a session, `credential:<id>`; in the audit trail and as creator. */
  subject: string;
  /** Role ∩ scopes ∩ tenant binding. */
  scopes: readonly Scope[];
  /** The one tenant it is bound to; null for an administrator. */
  tenantId: string | null;
  /** The same as it was at that moment, where it was read along: see `tenantBehind`. */
  tenant?: Tenant;
  /** When the newest bucket key in force of that tenant was made, where it was read along. */
  newestKey?: string | null;
  /** Of what was sent; RFC 3339. */
  expiresAt: string;
  /** What is behind it. */
  credential: Me['credential'];
  /** Null for a credential that belongs to nobody. */
  user: { id: string; username: string; displayName: string | null; role: InstanceRole } | null;
  role: Role | null;
}

export type Refusal = 'invalid' | 'expired' | 'revoked';

/** What stands behind an opaque token, or behind the JWT that it was exchanged for. */
export async function principalOfCredential(
  db: Kysely<Schema>,
  clock: Clock,
  credential: Credential,
): Promise<Principal | Refusal> {
  const state = tokenState(credential, clock);
  if (state !== 'valid') return state;
  const kind = credential.kind === 'admin' ? 'admin_token' : 'api_key';
  const common = {
    kind,
    subject: `credential:${credential.id}`,
    tenantId: credential.tenant_id,
    expiresAt: credential.expires_at,
    credential: {
      kind,
      id: credential.id,
      label: credential.label,
      expires_at: credential.expires_at,
    },
  } as const;
  const scopes = parseScopes(credential.scopes);
  if (credential.owner_id === null) {
    // Of nobody: an admin token acts as an owner, a tenant's key for the tenant itself.
    return { ...common, scopes, user: null, role: kind === 'admin_token' ? 'owner' : null };
  }
  const user = await findUser(db, credential.owner_id);
  if (user?.status !== 'active') return 'revoked';
  return { ...common, ...(await rights(db, user, scopes, credential.tenant_id)) };
}

/** What else is read together with a session, so that its route need not ask once more. */
export interface ReadAlong {
  newestKey: boolean;
}

/** A session by its id: in force, and of an active user. */
export async function principalOfSession(
  db: Kysely<Schema>,
  clock: Clock,
  id: string,
  along?: ReadAlong,
): Promise<Principal | Refusal> {
  const [session]: readonly (SessionRead & { newest_key?: string | null })[] = along?.newestKey
    ? await sessionWithNewestKey(db, { id, now: new Date(clock.now()).toISOString() })
    : await sessionById(db, { id });
  if (session === undefined) return 'invalid';
  const state = sessionState(session, clock);
  if (state !== 'valid') return state;
  if (session.status !== 'active') return 'revoked';
  const user = { ...session, id: session.user_id };
  const scopes = parseScopes(session.scopes);
  const role = effectiveRole(session.role, session.member_role ?? undefined);
  return {
    kind: 'access_token',
    subject: `user:${user.id}`,
    tenantId: session.tenant_id,
    expiresAt: session.idle_until,
    credential: {
      kind: 'session',
      id: session.id,
      label: session.device_name ?? session.method,
      expires_at: session.idle_until,
    },
    ...(session.tenant_id === null ? {} : { tenant: tenantIn(session, session.tenant_id) }),
    ...(session.newest_key === undefined ? {} : { newestKey: session.newest_key }),
    ...rightsOf(user, role, scopes, session.tenant_id),
  };
}

/** All that a session's rights depend on, its tenant too, in one read on the way of every request. */
function sessions(db: Kysely<Schema>) {
  return db
    .selectFrom('sessions')
    .innerJoin('users', 'users.id', 'sessions.user_id')
    .leftJoin('memberships', (join) =>
      join
        .onRef('memberships.tenant_id', '=', 'sessions.tenant_id')
        .onRef('memberships.user_id', '=', 'sessions.user_id'),
    )
    .leftJoin('tenants', 'tenants.id', 'sessions.tenant_id')
    .leftJoin('tenant_policies', 'tenant_policies.tenant_id', 'sessions.tenant_id')
    .select([
      'sessions.id',
      'sessions.user_id',
      'sessions.tenant_id',
      'scopes',
      'method',
      'device_name',
    ])
    .select(['idle_until', 'ends_at', 'ended_at'])
    .select(['username', 'users.display_name', 'users.role', 'users.status'])
    .select('memberships.role as member_role')
    .select(['slug', 'name', 'tenants.status as tenant_status', 'policy', 'bucket_name', 'region'])
    .select(['tenants.created_at as tenant_created_at', 'tenant_policies.reason'])
    .$narrowType<Record<'slug' | 'name' | 'tenant_status' | 'bucket_name', NotNull>>()
    .$narrowType<Record<'region' | 'tenant_created_at', NotNull>>();
}

const sessionById = prepare(['id'], (db, { id }) => sessions(db).where('sessions.id', '=', id));

const sessionWithNewestKey = prepare(['id', 'now'], (db, { id, now }) =>
  sessions(db)
    .select((session) => newestKeyOf(session.ref('sessions.tenant_id'), now).as('newest_key'))
    .where('sessions.id', '=', id),
);

type SessionRead = Awaited<ReturnType<typeof sessionById>>[number];

function tenantIn(session: SessionRead, id: string): Tenant {
  const { slug, name, bucket_name, region } = session;
  return {
    ...{ id, slug, name, bucket_name, region },
    status: session.tenant_status,
    policy: session.policy ?? 'denied',
    policy_reason: session.reason,
    created_at: session.tenant_created_at,
  };
}

/** The tenant that a principal is bound to, read together with its rights or now. */
export async function tenantBehind(
  db: Kysely<Schema>,
  { tenantId, tenant }: Pick<Principal, 'tenantId' | 'tenant'>,
): Promise<Tenant | undefined> {
  return tenant ?? (tenantId === null ? undefined : findTenant(db, tenantId));
}

/** The same principal, asked again. */
export async function principalAgain(
  db: Kysely<Schema>,
  clock: Clock,
  { credential: { kind, id } }: { credential: Pick<Me['credential'], 'kind' | 'id'> },
): Promise<Principal | Refusal> {
  if (kind === 'session') return principalOfSession(db, clock, id);
  const credential = await db
    .selectFrom('credentials')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return credential === undefined ? 'invalid' : principalOfCredential(db, clock, credential);
}

export function sessionState(
  session: Pick<SessionRow, 'ended_at' | 'idle_until' | 'ends_at'>,
  clock: Clock,
): 'valid' | 'expired' | 'revoked' {
  if (session.ended_at !== null) return 'revoked';
  const now = new Date(clock.now()).toISOString();
  return session.idle_until <= now || session.ends_at <= now ? 'expired' : 'valid';
}

export async function findUser(db: Kysely<Schema>, id: string): Promise<UserRow | undefined> {
  return db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst();
}

/** As what this user acts in the tenant, or on the server (null). */
export async function roleOf(
  db: Kysely<Schema>,
  user: Pick<UserRow, 'id' | 'role'>,
  tenantId: string | null,
): Promise<Role | undefined> {
  if (user.role !== 'member' || tenantId === null) return effectiveRole(user.role, undefined);
  const row = await db
    .selectFrom('memberships')
    .select('role')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', user.id)
    .executeTakeFirst();
  return effectiveRole(user.role, row?.role);
}

async function rights(
  db: Kysely<Schema>,
  user: UserRow,
  scopes: readonly Scope[],
  tenantId: string | null,
): Promise<Pick<Principal, 'scopes' | 'user' | 'role'>> {
  return rightsOf(user, await roleOf(db, user, tenantId), scopes, tenantId);
}

function rightsOf(
  user: Pick<UserRow, 'id' | 'username' | 'display_name' | 'role'>,
  role: Role | undefined,
  scopes: readonly Scope[],
  tenantId: string | null,
): Pick<Principal, 'scopes' | 'user' | 'role'> {
  return {
    scopes: effectiveScopes(role, scopes, tenantId),
    user: {
      id: user.id,
      username: user.username,
      displayName: user.display_name,
      role: user.role,
    },
    role: role ?? null,
  };
}

/**
 * Every name under which somebody has created something: of a user its own and that of all of its
 * keys; of a key that belongs to nobody its own and those of the keys that it took the place of.
 */
export async function ownSubjects(
  db: Kysely<Schema>,
  who: { userId: string } | { credentialId: string },
): Promise<ReadonlySet<string>> {
  if ('userId' in who) {
    const rows = await keysOfUser(db, { user: who.userId });
    return new Set([`user:${who.userId}`, ...rows.map(({ id }) => `credential:${id}`)]);
  }
  const { credentialId } = who;
  const own = await db
    .selectFrom('credentials')
    .select('family')
    .where('id', '=', credentialId)
    .executeTakeFirst();
  const family = own?.family ?? credentialId;
  const rows = await db
    .selectFrom('credentials')
    .select('id')
    .where((where) => where.or([where('family', '=', family), where('id', '=', family)]))
    .where('owner_id', 'is', null)
    .execute();
  return new Set([credentialId, ...rows.map(({ id }) => id)].map((id) => `credential:${id}`));
}

const keysOfUser = prepare(['user'], (db, { user }) =>
  db.selectFrom('credentials').select('id').where('owner_id', '=', user),
);

/** The same for whoever makes a request. */
export function subjectsOf(db: Kysely<Schema>, principal: Principal): Promise<ReadonlySet<string>> {
  const { user, credential } = principal;
  return ownSubjects(db, user === null ? { credentialId: credential.id } : { userId: user.id });
}
