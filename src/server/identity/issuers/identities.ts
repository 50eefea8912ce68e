import { createHash, randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { Kysely, Transaction } from 'kysely';
import { Shown } from '../../../api/contract/auth.ts';
import type { Identity, LinkIdentity } from '../../../api/contract/issuers.ts';
import { Email } from '../../../api/contract/users.ts';
import type { Clock } from '../../../platform/clock.ts';
import type { Schema } from '../../db/schema.ts';
import type { Database } from '../../db/sqlite.ts';
import { isUniqueViolation } from '../../db/database-errors.ts';
import { recordAudit, type Actor } from '../../domain/audit.ts';
import { HttpProblem } from '../../errors.ts';
import type { UserRow } from '../principal.ts';
import { endSession } from '../session-end.ts';
import { normalizeUsername } from '../usernames.ts';
import { requireUser } from '../user-rows.ts';
import type { IdTokenClaims, IssuerRow } from './id-token.ts';

export async function listIdentities(db: Kysely<Schema>, issuer: IssuerRow): Promise<Identity[]> {
  const rows = await identities(db, issuer).orderBy('users.username').execute();
  return rows.map(toIdentity);
}

/** Says who a subject is here. @throws HttpProblem 404 `user-not-found`, 409 `identity-taken` */
export async function linkIdentity(
  { db, clock }: { db: Database; clock: Clock },
  issuer: IssuerRow,
  request: LinkIdentity,
  actor: Actor,
): Promise<Identity> {
  try {
    return await db.transaction().execute(async (transaction) => {
      const user = await requireUser(transaction, request.user);
      await addIdentity(transaction, clock, issuer, request.subject, user, actor);
      return requireIdentity(transaction, issuer, request.subject);
    });
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new HttpProblem(409, 'identity-taken', 'This subject is somebody here already.');
  }
}

/** With the user's sessions of this issuer. @throws HttpProblem 404 `identity-not-found` */
export async function unlinkIdentity(
  { db, clock }: { db: Database; clock: Clock },
  issuer: IssuerRow,
  subject: string,
  actor: Actor,
): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    const { user } = await requireIdentity(transaction, issuer, subject);
    await transaction
      .deleteFrom('user_identities')
      .where('issuer', '=', issuer.url)
      .where('subject', '=', subject)
      .execute();
    const sessions = await transaction
      .selectFrom('sessions')
      .select('id')
      .where('issuer_id', '=', issuer.id)
      .where('user_id', '=', user.id)
      .where('ended_at', 'is', null)
      .execute();
    for (const { id } of sessions) {
      await endSession(transaction, clock, id, actor, 'the identity was unlinked');
    }
    await recordAudit(transaction, clock, {
      ...actor,
      type: 'IdentityUnlinkedEvent',
      subjectId: user.id,
      data: { username: user.username, issuer: issuer.url, subject },
    });
  });
}

/**
 * Who the subject of a token is here. Somebody who is not known becomes a user if the issuer may
 * make some; undefined where it may not. Never somebody who is there already: a name is only a name.
 */
export async function userOfToken(
  deps: { db: Database; clock: Clock },
  issuer: IssuerRow,
  token: IdTokenClaims,
  requestId: string,
): Promise<UserRow | undefined> {
  try {
    return await knownOrNew(deps, issuer, token, requestId);
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    // Two first sign-ins at once: the second one was undone, and finds who the first has made.
    return knownOrNew(deps, issuer, token, requestId);
  }
}

async function knownOrNew(
  { db, clock }: { db: Database; clock: Clock },
  issuer: IssuerRow,
  token: IdTokenClaims,
  requestId: string,
): Promise<UserRow | undefined> {
  return db.transaction().execute(async (transaction) => {
    const known = await transaction
      .selectFrom('user_identities')
      .innerJoin('users', 'users.id', 'user_identities.user_id')
      .selectAll('users')
      .where('issuer', '=', issuer.url)
      .where('subject', '=', token.subject)
      .executeTakeFirst();
    if (known !== undefined || issuer.create_users === 0) return known;
    const actor = { actor: `issuer:${issuer.id}`, requestId };
    const user = await addUserOfToken(transaction, clock, issuer, token, actor);
    await addIdentity(transaction, clock, issuer, token.subject, user, actor);
    return user;
  });
}

async function addUserOfToken(
  transaction: Transaction<Schema>,
  clock: Clock,
  issuer: IssuerRow,
  { subject, claims }: IdTokenClaims,
  actor: Actor,
): Promise<UserRow> {
  const now = new Date(clock.now()).toISOString();
  const row: UserRow = {
    id: randomUUID(),
    username: await freeName(transaction, issuer, subject, claims),
    display_name: Shown.safeParse(claims['name']).data ?? null,
    email:
      claims['email_verified'] === false ? null : (Email.safeParse(claims['email']).data ?? null),
    role: 'member',
    status: 'active',
    password_hash: null,
    created_at: now,
    created_by: actor.actor,
    updated_at: now,
    last_sign_in_at: null,
  };
  await transaction.insertInto('users').values(row).execute();
  await recordAudit(transaction, clock, {
    ...actor,
    type: 'UserCreatedEvent',
    subjectId: row.id,
    data: { username: row.username, role: row.role, issuer: issuer.url, subject },
  });
  return row;
}

/** What the issuer calls somebody, if nobody here is called so; else with a tail of its own. */
async function freeName(
  db: Kysely<Schema>,
  issuer: IssuerRow,
  subject: string,
  claims: JWTPayload,
): Promise<string> {
  const tail = createHash('sha256').update(`${issuer.url}\n${subject}`).digest('hex').slice(0, 10);
  const names = [claims['preferred_username'], claims['email'], claims['name']];
  const wanted = names
    .map((name) => (typeof name === 'string' ? normalizeUsername(name.slice(0, 256)) : undefined))
    .find((name) => name !== undefined);
  if (wanted === undefined) return `user-${tail}`;
  const taken = await db
    .selectFrom('users')
    .select('id')
    .where('username', '=', wanted)
    .executeTakeFirst();
  return taken === undefined ? wanted : `${wanted.slice(0, 50)}-${tail}`;
}

async function addIdentity(
  transaction: Transaction<Schema>,
  clock: Clock,
  issuer: IssuerRow,
  subject: string,
  user: Pick<UserRow, 'id' | 'username'>,
  actor: Actor,
): Promise<void> {
  await transaction
    .insertInto('user_identities')
    .values({
      issuer: issuer.url,
      subject,
      user_id: user.id,
      created_at: new Date(clock.now()).toISOString(),
      created_by: actor.actor,
      last_sign_in_at: null,
    })
    .execute();
  await recordAudit(transaction, clock, {
    ...actor,
    type: 'IdentityLinkedEvent',
    subjectId: user.id,
    data: { username: user.username, issuer: issuer.url, subject },
  });
}

async function requireIdentity(
  db: Kysely<Schema>,
  issuer: IssuerRow,
  subject: string,
): Promise<Identity> {
  const row = await identities(db, issuer).where('subject', '=', subject).executeTakeFirst();
  if (row !== undefined) return toIdentity(row);
  throw new HttpProblem(404, 'identity-not-found', 'This subject is nobody here.');
}

function identities(db: Kysely<Schema>, issuer: IssuerRow) {
  return db
    .selectFrom('user_identities')
    .innerJoin('users', 'users.id', 'user_identities.user_id')
    .select([
      'users.id',
      'users.username',
      'user_identities.subject',
      'user_identities.created_at',
      'user_identities.last_sign_in_at',
    ])
    .where('issuer', '=', issuer.url);
}

function toIdentity(row: Identity['user'] & Omit<Identity, 'user'>): Identity {
  const { id, username, subject, created_at, last_sign_in_at } = row;
  return { subject, user: { id, username }, created_at, last_sign_in_at };
}
