import { randomUUID } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import type { AuthSession } from '../../api/contract/auth.ts';
import type { Scope } from '../../api/contract/scopes.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { recordAudit, type Actor } from '../domain/audit.ts';
import { parseScopes } from '../domain/scopes.ts';
import { HttpProblem } from '../errors.ts';
import { sessionState, type SessionRow, type UserRow } from './principal.ts';
import { addRefreshToken } from './refresh-tokens.ts';
import { endSession, IDLE_MS } from './session-end.ts';

const LONGEST_MS = 90 * 86_400_000;
/** Of one user at once; then the one that was not used for longest ends. */
const SESSIONS_AT_ONCE = 100;

export interface NewSession {
  user: Pick<UserRow, 'id'>;
  tenantId: string | null;
  scopes: readonly Scope[];
  method: SessionRow['method'];
  deviceName: string | null;
  deviceSystem: string | null;
  address: string;
  /** Who vouched for the person, and how long its word counts; undefined: this server. */
  issuer?: { id: string; longestMs: number };
}

/** Inside the transaction of the sign-in. @returns the session with its first refresh token */
export async function startSession(
  transaction: Transaction<Schema>,
  clock: Clock,
  options: NewSession,
  requestId: string,
): Promise<{ session: SessionRow; refreshToken: string }> {
  const now = clock.now();
  const at = new Date(now).toISOString();
  const actor: Actor = { actor: `user:${options.user.id}`, requestId };
  await endOldest(transaction, clock, options.user.id, actor);
  const session: SessionRow = {
    id: randomUUID(),
    user_id: options.user.id,
    tenant_id: options.tenantId,
    scopes: options.scopes.join(' '),
    method: options.method,
    device_name: options.deviceName,
    device_system: options.deviceSystem,
    address: options.address,
    head_token_id: null,
    created_at: at,
    last_used_at: at,
    idle_until: new Date(now + IDLE_MS).toISOString(),
    ends_at: new Date(now + (options.issuer?.longestMs ?? LONGEST_MS)).toISOString(),
    ended_at: null,
    issuer_id: options.issuer?.id ?? null,
  };
  await transaction.insertInto('sessions').values(session).execute();
  const refreshToken = await addRefreshToken(transaction, clock, session.id, null);
  await transaction
    .updateTable('users')
    .set({ last_sign_in_at: at })
    .where('id', '=', options.user.id)
    .execute();
  await recordAudit(transaction, clock, {
    ...actor,
    type: 'LoginSucceededEvent',
    ...(options.tenantId === null ? {} : { tenantId: options.tenantId }),
    subjectId: options.user.id,
    data: {
      session_id: session.id,
      method: options.method,
      scopes: session.scopes,
      address: options.address,
      device_name: options.deviceName,
    },
  });
  return { session, refreshToken };
}

async function endOldest(
  transaction: Transaction<Schema>,
  clock: Clock,
  userId: string,
  actor: Actor,
): Promise<void> {
  const rows = await inForce(transaction, clock, userId).execute();
  for (const { id } of rows.toSorted(byUse).slice(SESSIONS_AT_ONCE - 1)) {
    await endSession(transaction, clock, id, actor, 'too many sessions');
  }
}

function byUse(a: SessionRow, b: SessionRow): number {
  return b.last_used_at.localeCompare(a.last_used_at);
}

function inForce(db: Kysely<Schema>, clock: Clock, userId: string) {
  const now = new Date(clock.now()).toISOString();
  return db
    .selectFrom('sessions')
    .selectAll()
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null)
    .where('idle_until', '>', now)
    .where('ends_at', '>', now)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc');
}

/** All of a user's, but for one if it is named. */
export async function endSessionsOf(
  transaction: Transaction<Schema>,
  clock: Clock,
  userId: string,
  actor: Actor,
  reason: string,
  except?: string,
): Promise<void> {
  for (const { id } of await inForce(transaction, clock, userId).execute()) {
    if (id !== except) await endSession(transaction, clock, id, actor, reason);
  }
}

export async function listSessions(
  db: Database,
  clock: Clock,
  userId: string,
  currentId: string | undefined,
): Promise<AuthSession[]> {
  const rows = await inForce(db, clock, userId).execute();
  if (rows.length === 0) return [];
  const tenants = await db
    .selectFrom('tenants')
    .select(['id', 'slug', 'name'])
    .where(
      'id',
      'in',
      rows.map(({ tenant_id: id }) => id ?? ''),
    )
    .execute();
  const byId = new Map(tenants.map((tenant) => [tenant.id, tenant]));
  return rows.map((row) => ({
    id: row.id,
    current: row.id === currentId,
    method: row.method,
    device_name: row.device_name,
    device_system: row.device_system,
    address: row.address,
    tenant: byId.get(row.tenant_id ?? '') ?? null,
    scopes: parseScopes(row.scopes),
    created_at: row.created_at,
    last_used_at: row.last_used_at,
    expires_at: row.idle_until < row.ends_at ? row.idle_until : row.ends_at,
  }));
}

/** @throws HttpProblem 404 for one that is over, never was, or is somebody else's */
export async function revokeSession(
  db: Database,
  clock: Clock,
  userId: string,
  id: string,
  actor: Actor,
): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom('sessions')
      .selectAll()
      .where('id', '=', id)
      .where('user_id', '=', userId)
      .executeTakeFirst();
    if (row === undefined || sessionState(row, clock) !== 'valid') {
      throw new HttpProblem(404, 'session-not-found', 'There is no such session.');
    }
    await endSession(transaction, clock, id, actor, 'revoked');
  });
}

/** What is over for longer than a refresh token could be idle tells nobody anything any more. */
export async function forgetOldSessions(db: Database, clock: Clock): Promise<number> {
  const before = new Date(clock.now() - IDLE_MS).toISOString();
  const { numDeletedRows } = await db
    .deleteFrom('sessions')
    .where((where) =>
      where.or([
        where('ended_at', '<', before),
        where('idle_until', '<', before),
        where('ends_at', '<', before),
      ]),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
