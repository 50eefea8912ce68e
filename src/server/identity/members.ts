import type { Kysely } from 'kysely';
import type { TenantRole } from '../../api/contract/scopes.ts';
import { DEFAULT_PAGE, type PageQuery } from '../../api/contract/page.ts';
import type { AddMember, Member, MemberList } from '../../api/contract/users.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { recordAudit, type Actor } from '../domain/audit.ts';
import type { RevocationDeps } from '../domain/mount-credentials.ts';
import { finishRevocations, revokeMountCredentialsOf } from '../domain/mount-revocation.ts';
import { HttpProblem, invalidField } from '../errors.ts';
import { ownSubjects } from './principal.ts';
import { normalizeUsername } from './usernames.ts';
import { lockUser } from './user-rows.ts';

interface MemberDeps extends RevocationDeps {
  db: Database;
  clock: Clock;
}

/** One page, by name, in one query. */
export async function listMembers(
  db: Kysely<Schema>,
  tenantId: string,
  { limit = DEFAULT_PAGE, after }: PageQuery,
): Promise<MemberList> {
  const rows = await members(db, tenantId)
    .$if(after !== undefined, (query) => query.where('users.username', '>', after ?? ''))
    .orderBy('users.username')
    .limit(limit + 1)
    .execute();
  const page = rows.slice(0, limit).map(toMember);
  return {
    members: page,
    next: rows.length > limit ? (page.at(-1)?.user.username ?? null) : null,
  };
}

/** @throws HttpProblem 404 `user-not-found`, 409 `already-member`, 422 */
export async function addMember(
  { db, clock }: MemberDeps,
  tenantId: string,
  request: AddMember,
  actor: Actor,
): Promise<Member> {
  return db.transaction().execute(async (transaction) => {
    // Locked: being deactivated or made an admin meanwhile waits for us, or we for it.
    const user = await lockUser(transaction, request.user);
    if (user.status !== 'active') throw unfit('This user is deactivated.');
    if (user.role !== 'member') {
      throw unfit('Owners and admins may do everything without being a member.');
    }
    const { numInsertedOrUpdatedRows } = await transaction
      .insertInto('memberships')
      .values({
        tenant_id: tenantId,
        user_id: user.id,
        role: request.role,
        created_at: new Date(clock.now()).toISOString(),
        created_by: actor.actor,
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow();
    if (numInsertedOrUpdatedRows === 0n) {
      throw new HttpProblem(409, 'already-member', `${user.username} is a member already.`);
    }
    await recordAudit(transaction, clock, {
      ...actor,
      type: 'MembershipAddedEvent',
      tenantId,
      subjectId: user.id,
      data: { username: user.username, role: request.role },
    });
    return requireMember(transaction, tenantId, user.id);
  });
}

/**
 * Who may only read from now on loses the bucket keys that write.
 *
 * @throws HttpProblem 404 `member-not-found`
 */
export async function changeMember(
  deps: MemberDeps,
  tenantId: string,
  ref: string,
  role: TenantRole,
  actor: Actor,
): Promise<Member> {
  const { db, clock } = deps;
  const { member, revoked } = await db.transaction().execute(async (transaction) => {
    const before = await requireMember(transaction, tenantId, ref);
    if (before.role === role) return { member: before, revoked: [] };
    const { id, username } = before.user;
    const { numUpdatedRows } = await transaction
      .updateTable('memberships')
      .set({ role })
      .where('tenant_id', '=', tenantId)
      .where('user_id', '=', id)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw memberNotFound();
    await recordAudit(transaction, clock, {
      ...actor,
      type: 'MembershipChangedEvent',
      tenantId,
      subjectId: id,
      data: { username, role },
    });
    const subjects = await ownSubjects(transaction, { userId: id });
    const ended =
      role === 'viewer'
        ? await revokeMountCredentialsOf(
            transaction,
            clock,
            { subjects, tenantId, permission: 'rw' },
            actor,
          )
        : [];
    return { member: { ...before, role }, revoked: ended };
  });
  await finishRevocations(deps, revoked);
  return member;
}

/**
 * With the bucket keys of this tenant that the member made. Nothing is wrong with one who is no
 * member: then it is as it should be.
 */
export async function removeMember(
  deps: MemberDeps,
  tenantId: string,
  ref: string,
  actor: Actor,
): Promise<void> {
  const { db, clock } = deps;
  const revoked = await db.transaction().execute(async (transaction) => {
    const member = await findMember(transaction, tenantId, ref);
    if (member === undefined) return [];
    const { user } = member;
    const { numDeletedRows } = await transaction
      .deleteFrom('memberships')
      .where('tenant_id', '=', tenantId)
      .where('user_id', '=', user.id)
      .executeTakeFirst();
    if (numDeletedRows === 0n) return [];
    await recordAudit(transaction, clock, {
      ...actor,
      type: 'MembershipRemovedEvent',
      tenantId,
      subjectId: user.id,
      data: { username: user.username },
    });
    const subjects = await ownSubjects(transaction, { userId: user.id });
    return revokeMountCredentialsOf(transaction, clock, { subjects, tenantId }, actor);
  });
  await finishRevocations(deps, revoked);
}

async function requireMember(db: Kysely<Schema>, tenantId: string, ref: string): Promise<Member> {
  const member = await findMember(db, tenantId, ref);
  if (member === undefined) throw memberNotFound();
  return member;
}

/** By id or user name. */
async function findMember(
  db: Kysely<Schema>,
  tenantId: string,
  ref: string,
): Promise<Member | undefined> {
  const row = await members(db, tenantId)
    .where((where) =>
      where.or([
        where('users.id', '=', ref),
        where('users.username', '=', normalizeUsername(ref) ?? ''),
      ]),
    )
    .executeTakeFirst();
  return row === undefined ? undefined : toMember(row);
}

function memberNotFound(): HttpProblem {
  return new HttpProblem(404, 'member-not-found', 'There is no such member.');
}

function members(db: Kysely<Schema>, tenantId: string) {
  return db
    .selectFrom('memberships')
    .innerJoin('users', 'users.id', 'memberships.user_id')
    .select([
      'users.id',
      'users.username',
      'users.display_name',
      'users.status',
      'memberships.role',
      'memberships.created_at',
    ])
    .where('memberships.tenant_id', '=', tenantId);
}

function toMember(row: Member['user'] & Pick<Member, 'role' | 'created_at'>): Member {
  const { id, username, display_name, status, role, created_at } = row;
  return { user: { id, username, display_name, status }, role, created_at };
}

function unfit(detail: string): HttpProblem {
  return invalidField('user', detail);
}
