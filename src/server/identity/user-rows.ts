import type { Kysely, Transaction } from 'kysely';
import type { Schema } from '../db/schema.ts';
import type { Actor } from '../domain/audit.ts';
import { HttpProblem } from '../errors.ts';
import type { Principal, UserRow } from './principal.ts';
import { normalizeUsername } from './usernames.ts';

export interface Caller extends Actor {
  principal: Pick<Principal, 'scopes'>;
}

/** By id or user name. @throws HttpProblem 404 `user-not-found` */
export async function requireUser(db: Kysely<Schema>, ref: string): Promise<UserRow> {
  const row = await db
    .selectFrom('users')
    .selectAll()
    .where((where) =>
      where.or([where('id', '=', ref), where('username', '=', normalizeUsername(ref) ?? '')]),
    )
    .executeTakeFirst();
  if (row !== undefined) return row;
  throw new HttpProblem(404, 'user-not-found', 'There is no such user.');
}

/**
 * The same, read when nobody else can change it any more: whoever changes a user waits for the
 * others. Touching the row locks it on every database.
 */
export async function lockUser(transaction: Transaction<Schema>, ref: string): Promise<UserRow> {
  const { id } = await requireUser(transaction, ref);
  return transaction
    .updateTable('users')
    .set((column) => ({ updated_at: column.ref('updated_at') }))
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** An owner is made, changed and ended by owners only: anything else would be a way to become one. */
export function assertOwner({ principal }: Caller): void {
  if (principal.scopes.includes('instance')) return;
  throw new HttpProblem(403, 'owner-needed', 'Only an owner may do this.');
}

/** The same where the request itself asks for more than the caller has. */
export function assertMayMakeOwner({ principal }: Caller): void {
  if (principal.scopes.includes('instance')) return;
  throw new HttpProblem(422, 'owner-needed', 'Only an owner may make an owner.', { field: 'role' });
}

/**
 * Locks a user, with all owners if it is one: two owners who end each other at the same moment must
 * not both find the other one there. In order, so that neither waits for the other for ever.
 */
export async function lockWithOwners(
  transaction: Transaction<Schema>,
  ref: string,
): Promise<UserRow> {
  const user = await requireUser(transaction, ref);
  if (user.role === 'owner') {
    const owners = await activeOwners(transaction).orderBy('id').execute();
    for (const { id } of owners) await lockUser(transaction, id);
  }
  return lockUser(transaction, user.id);
}

export async function assertAnotherOwner(
  transaction: Transaction<Schema>,
  id: string,
): Promise<void> {
  const another = await activeOwners(transaction).where('id', '<>', id).limit(1).executeTakeFirst();
  if (another !== undefined) return;
  throw new HttpProblem(409, 'last-owner', 'This is the last active owner of the server.');
}

function activeOwners(db: Kysely<Schema>) {
  return db
    .selectFrom('users')
    .select('id')
    .where('role', '=', 'owner')
    .where('status', '=', 'active');
}

export function actorOf({ actor, requestId }: Caller): Actor {
  return { actor, requestId };
}
