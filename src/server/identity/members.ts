import type { Kysely } from 'kysely';
import type { TenantRole } from '../../api/contract/scopes.ts';
import type { AddMember, Member } from '../../api/contract/users.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { recordAudit, type Actor } from '../domain/audit.ts';
import type { RevocationDeps } from '../domain/mount-credentials.ts';
import { finishRevocations, revokeMountCredentialsOf } from '../domain/mount-revocation.ts';
import { HttpProblem } from '../errors.ts';
import { ownSubjects } from './principal.ts';
import { requireUser } from './users.ts';

interface MemberDeps extends RevocationDeps {
  db: Database;
  clock: Clock;
}

export async function listMembers(db: Kysely<Schema>, tenantId: string): Promise<Member[]> {
  const rows = await members(db, tenantId).orderBy('users.username').execute();
  return rows.map(toMember);
}

/** @throws HttpProblem 404 `user-not-found`, 409 `already-member`, 422 `not-a-member-role` */
export async function addMember(
  { db, clock }: MemberDeps,
  tenantId: string,
  request: AddMember,
  actor: Actor,
): Promise<Member> {
  return db.transaction().execute(async (transaction) => {
    const user = await requireUser(transaction, request.user);
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
    await transaction
      .updateTable('memberships')
      .set({ role })
      .where('tenant_id', '=', tenantId)
      .where('user_id', '=', id)
      .execute();
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

/** With the bucket keys of this tenant that the member made. @throws HttpProblem 404 */
export async function removeMember(
  deps: MemberDeps,
  tenantId: string,
  ref: string,
  actor: Actor,
): Promise<void> {
  const { db, clock } = deps;
  const revoked = await db.transaction().execute(async (transaction) => {
    const { user } = await requireMember(transaction, tenantId, ref);
    await transaction
      .deleteFrom('memberships')
      .where('tenant_id', '=', tenantId)
      .where('user_id', '=', user.id)
      .execute();
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
  const row = await members(db, tenantId)
    .where((where) =>
      where.or([where('users.id', '=', ref), where('users.username', '=', ref.toLowerCase())]),
    )
    .executeTakeFirst();
  if (row !== undefined) return toMember(row);
  throw new HttpProblem(404, 'member-not-found', 'There is no such member.');
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
  return new HttpProblem(422, 'invalid-field', 'A field of the request is not valid.', {
    field: 'user',
    detail,
  });
}
