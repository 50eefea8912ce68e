import type { Kysely, Transaction } from 'kysely';
import { formatToken, parseToken } from '../../api/contract/token.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { recordAudit, type Actor } from '../domain/audit.ts';
import { hashToken, newToken, sameHash } from '../domain/tokens.ts';
import { sessionState, type SessionRow } from './principal.ts';
import { endSession, IDLE_MS } from './session-end.ts';

/**
 * `head` of a session is the refresh token that was used last. In force are the head (its answer
 * may have been lost, so it may ask again) and its children (what it was answered). The first use
 * of a child makes it the head, and everything else is spent. Whoever shows a spent one has a copy
 * of what another one has used: one of the two is a thief, so the session ends. RFC 9700 §4.14.2.
 */
export type Refreshed =
  | { outcome: 'refreshed'; session: SessionRow; refreshToken: string }
  | { outcome: 'invalid' | 'expired' | 'revoked' | 'reused' };

export async function addRefreshToken(
  transaction: Transaction<Schema>,
  clock: Clock,
  sessionId: string,
  parentId: string | null,
): Promise<string> {
  const fresh = newToken();
  const text = formatToken({ kind: 'rt', ...fresh });
  await transaction
    .insertInto('refresh_tokens')
    .values({
      id: fresh.id,
      session_id: sessionId,
      parent_id: parentId,
      secret_hash: hashToken(text),
      created_at: new Date(clock.now()).toISOString(),
    })
    .execute();
  return text;
}

/** The session that a refresh token belongs to, if the token is genuine; in force or not. */
export async function sessionOfRefreshToken(
  db: Kysely<Schema>,
  text: string,
): Promise<{ tokenId: string; parentId: string | null; session: SessionRow } | undefined> {
  const parsed = parseToken(text);
  if (parsed?.kind !== 'rt') return undefined;
  const token = await db
    .selectFrom('refresh_tokens')
    .selectAll()
    .where('id', '=', parsed.id)
    .executeTakeFirst();
  if (token === undefined || !sameHash(token.secret_hash, hashToken(text))) return undefined;
  const session = await db
    .selectFrom('sessions')
    .selectAll()
    .where('id', '=', token.session_id)
    .executeTakeFirstOrThrow();
  return { tokenId: token.id, parentId: token.parent_id, session };
}

const TRIES = 3;

/** Exchanges a refresh token for the next one, or ends the session of one that was used before. */
export async function rotateRefreshToken(
  db: Database,
  clock: Clock,
  text: string,
  address: string,
  requestId: string,
): Promise<Refreshed> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const refreshed = await rotateOnce(db, clock, text, address, requestId);
    if (refreshed !== undefined) return refreshed;
  }
  return { outcome: 'invalid' };
}

/** Undefined: another server moved the session's head at the same moment. */
async function rotateOnce(
  db: Database,
  clock: Clock,
  text: string,
  address: string,
  requestId: string,
): Promise<Refreshed | undefined> {
  return db.transaction().execute(async (transaction): Promise<Refreshed | undefined> => {
    const found = await sessionOfRefreshToken(transaction, text);
    if (found === undefined) return { outcome: 'invalid' };
    const { tokenId, parentId, session } = found;
    const state = sessionState(session, clock);
    if (state !== 'valid') return { outcome: state };
    const head = session.head_token_id;
    if (tokenId !== head && parentId !== head) {
      await reused(transaction, clock, session, { actor: `user:${session.user_id}`, requestId });
      return { outcome: 'reused' };
    }
    const now = clock.now();
    const used = {
      head_token_id: tokenId,
      address,
      last_used_at: new Date(now).toISOString(),
      idle_until: new Date(now + IDLE_MS).toISOString(),
    };
    const { numUpdatedRows } = await transaction
      .updateTable('sessions')
      .set(used)
      .where('id', '=', session.id)
      .where('ended_at', 'is', null)
      .where('head_token_id', 'is not distinct from', head)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return undefined;
    await transaction
      .deleteFrom('refresh_tokens')
      .where('session_id', '=', session.id)
      .where('id', '<>', tokenId)
      .where('created_at', '<', new Date(now - IDLE_MS).toISOString())
      .execute();
    const refreshToken = await addRefreshToken(transaction, clock, session.id, tokenId);
    return { outcome: 'refreshed', session: { ...session, ...used }, refreshToken };
  });
}

async function reused(
  transaction: Transaction<Schema>,
  clock: Clock,
  session: SessionRow,
  actor: Actor,
): Promise<void> {
  await recordAudit(transaction, clock, {
    ...actor,
    type: 'RefreshTokenReusedEvent',
    ...(session.tenant_id === null ? {} : { tenantId: session.tenant_id }),
    subjectId: session.id,
  });
  await endSession(transaction, clock, session.id, actor, 'a spent refresh token was used');
}
