import { randomUUID } from 'node:crypto';
import type { Transaction } from 'kysely';
import type {
  ChangeUser,
  CreatedUser,
  CreateUser,
  NewPassword,
  ResetPassword,
  User,
} from '../../api/contract/users.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { isUniqueViolation } from '../db/database-errors.ts';
import { recordAudit, type Actor } from '../domain/audit.ts';
import { finishRevocations, revokeMountCredentialsOf } from '../domain/mount-revocation.ts';
import type { RevocationDeps } from '../domain/mount-credentials.ts';
import { HttpProblem } from '../errors.ts';
import { assertGoodPassword, makePassword, type Passwords } from './passwords.ts';
import { ownSubjects, type UserRow } from './principal.ts';
import { endSessionsOf } from './sessions.ts';
import { showUser, toUser } from './user-list.ts';
import {
  actorOf,
  assertAnotherOwner,
  assertMayMakeOwner,
  assertOwner,
  lockUser,
  lockWithOwners,
  requireUser,
  type Caller,
} from './user-rows.ts';
import { requireUsername } from './usernames.ts';

export interface UserDeps extends RevocationDeps {
  db: Database;
  clock: Clock;
  passwords: Passwords;
}

/** @throws HttpProblem 409 `username-taken`, 422 `owner-needed`, `weak-password` … */
export async function addUser(
  { db, clock, passwords }: UserDeps,
  request: CreateUser,
  caller: Caller,
): Promise<CreatedUser> {
  const username = requireUsername(request.username);
  const role = request.role ?? 'member';
  if (role === 'owner') assertMayMakeOwner(caller);
  const { password, made } = passwordOf(request, username);
  const now = new Date(clock.now()).toISOString();
  const row: UserRow = {
    id: randomUUID(),
    username,
    display_name: request.display_name ?? null,
    email: request.email ?? null,
    role,
    status: 'active',
    password_hash: await passwords.hash(password),
    created_at: now,
    created_by: caller.actor,
    updated_at: now,
    last_sign_in_at: null,
  };
  try {
    await db.transaction().execute(async (transaction) => {
      await transaction.insertInto('users').values(row).execute();
      await recordAudit(transaction, clock, {
        ...actorOf(caller),
        type: 'UserCreatedEvent',
        subjectId: row.id,
        data: { username, role },
      });
    });
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new HttpProblem(409, 'username-taken', `There is already a user ${username}.`, {
      field: 'username',
    });
  }
  return { ...toUser(row, []), password: made };
}

/** What is absent stays, null empties. @throws HttpProblem 404; 403, 422 `owner-needed`; 409 `last-owner` */
export async function changeUser(
  { db, clock }: UserDeps,
  ref: string,
  change: ChangeUser,
  caller: Caller,
): Promise<User> {
  return db.transaction().execute(async (transaction) => {
    const row = await lockWithOwners(transaction, ref);
    const { role = row.role } = change;
    if (role !== row.role) {
      if (role === 'owner') assertMayMakeOwner(caller);
      else if (row.role === 'owner') {
        assertOwner(caller);
        if (row.status === 'active') await assertAnotherOwner(transaction, row.id);
      }
    }
    // Whoever may write an owner's name could pass for one.
    if (row.role === 'owner') assertOwner(caller);
    const fields = Object.keys(change).toSorted();
    if (fields.length > 0) {
      await transaction
        .updateTable('users')
        .set({
          role,
          ...(change.display_name === undefined ? {} : { display_name: change.display_name }),
          ...(change.email === undefined ? {} : { email: change.email }),
          updated_at: new Date(clock.now()).toISOString(),
        })
        .where('id', '=', row.id)
        .execute();
      await recordAudit(transaction, clock, {
        ...actorOf(caller),
        type: 'UserChangedEvent',
        subjectId: row.id,
        data: { fields: fields.join(' '), role },
      });
    }
    return showUser(transaction, row.id);
  });
}

/**
 * Ends the user's sessions, API keys and bucket keys at once and keeps what they have done. What
 * the storage does not confirm now is deleted there by `recover`.
 *
 * @throws HttpProblem 404; 403 `owner-needed`; 409 `last-owner`
 */
export async function deactivateUser(deps: UserDeps, ref: string, caller: Caller): Promise<User> {
  const { db, clock } = deps;
  const actor = actorOf(caller);
  const { user, revoked } = await db.transaction().execute(async (transaction) => {
    const row = await lockWithOwners(transaction, ref);
    if (row.role === 'owner') {
      assertOwner(caller);
      if (row.status === 'active') await assertAnotherOwner(transaction, row.id);
    }
    if (row.status === 'deactivated') {
      return { user: await showUser(transaction, row.id), revoked: [] };
    }
    await setStatus(transaction, clock, row, 'deactivated', actor);
    await endSessionsOf(transaction, clock, row.id, actor, 'the user was deactivated');
    await revokeKeysOf(transaction, clock, row.id, actor);
    const subjects = await ownSubjects(transaction, { userId: row.id });
    const ended = await revokeMountCredentialsOf(transaction, clock, { subjects }, actor);
    return { user: await showUser(transaction, row.id), revoked: ended };
  });
  await finishRevocations(deps, revoked);
  return user;
}

/** Lets the user sign in again; what was ended stays so. @throws HttpProblem 404; 403 */
export async function activateUser(
  { db, clock }: UserDeps,
  ref: string,
  caller: Caller,
): Promise<User> {
  return db.transaction().execute(async (transaction) => {
    const row = await lockUser(transaction, ref);
    if (row.role === 'owner') assertOwner(caller);
    if (row.status !== 'active') {
      await setStatus(transaction, clock, row, 'active', actorOf(caller));
    }
    return showUser(transaction, row.id);
  });
}

/** A new password, and no session of the old one. @throws HttpProblem 404; 403; 422 */
export async function resetPassword(
  { db, clock, passwords }: UserDeps,
  ref: string,
  request: ResetPassword,
  caller: Caller,
): Promise<NewPassword> {
  const row = await requireUser(db, ref);
  if (row.role === 'owner') assertOwner(caller);
  const { password, made } = passwordOf(request, row.username);
  const hash = await passwords.hash(password);
  const actor = actorOf(caller);
  await db.transaction().execute(async (transaction) => {
    const now = await lockUser(transaction, row.id);
    if (now.role === 'owner') assertOwner(caller);
    await transaction
      .updateTable('users')
      .set({ password_hash: hash, updated_at: new Date(clock.now()).toISOString() })
      .where('id', '=', row.id)
      .execute();
    await recordAudit(transaction, clock, {
      ...actor,
      type: 'PasswordResetEvent',
      subjectId: row.id,
    });
    await endSessionsOf(transaction, clock, row.id, actor, 'the password was reset');
  });
  return { password: made };
}

async function setStatus(
  transaction: Transaction<Schema>,
  clock: Clock,
  row: UserRow,
  status: UserRow['status'],
  actor: Actor,
): Promise<void> {
  await transaction
    .updateTable('users')
    .set({ status, updated_at: new Date(clock.now()).toISOString() })
    .where('id', '=', row.id)
    .execute();
  await recordAudit(transaction, clock, {
    ...actor,
    type: status === 'active' ? 'UserActivatedEvent' : 'UserDeactivatedEvent',
    subjectId: row.id,
    data: { username: row.username },
  });
}

async function revokeKeysOf(
  transaction: Transaction<Schema>,
  clock: Clock,
  userId: string,
  actor: Actor,
): Promise<void> {
  const keys = await transaction
    .updateTable('credentials')
    .set({ revoked_at: new Date(clock.now()).toISOString() })
    .where('owner_id', '=', userId)
    .where('revoked_at', 'is', null)
    .returning(['id', 'kind', 'label', 'tenant_id'])
    .execute();
  for (const { id, kind, label, tenant_id: tenantId } of keys) {
    await recordAudit(transaction, clock, {
      ...actor,
      type: 'TokenRevokedEvent',
      ...(tenantId === null ? {} : { tenantId }),
      subjectId: id,
      data: { kind, label, reason: 'the user was deactivated' },
    });
  }
}

function passwordOf(
  { password }: { password?: string | undefined },
  username: string,
): { password: string; made: string | null } {
  if (password === undefined) {
    const made = makePassword();
    return { password: made, made };
  }
  assertGoodPassword(password, username);
  return { password, made: null };
}
