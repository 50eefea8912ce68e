import type { AccessTokens } from '../domain/access-tokens.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import { recordAudit } from '../domain/audit.ts';
import { checkToken } from '../domain/tokens.ts';
import { OAuthProblem } from '../errors.ts';
import { sessionOfRefreshToken } from './refresh-tokens.ts';
import { endSession } from './session-end.ts';

interface RevocationDeps {
  db: Database;
  clock: Clock;
  accessTokens: AccessTokens;
}

/**
 * Ends what a token stands for (RFC 7009): the session of a refresh or access token, an API key or
 * admin token itself. Unknown and ended ones are ended already.
 *
 * @throws OAuthProblem `unsupported_token_type` for the access token of an API key, which ends by
 *   itself in ten minutes
 */
export async function revokeToken(
  deps: RevocationDeps,
  token: string,
  requestId: string,
): Promise<void> {
  const { db, clock } = deps;
  const refresh = await sessionOfRefreshToken(db, token);
  if (refresh !== undefined) {
    await end(deps, refresh.session.id, refresh.session.user_id, requestId);
    return;
  }
  if (token.split('.').length === 3) {
    const claims = await deps.accessTokens.verify(token);
    if (typeof claims === 'string') return;
    if (claims.sessionId === undefined) {
      throw new OAuthProblem(
        'unsupported_token_type',
        'Revoke the API key that this token was issued for.',
      );
    }
    await end(deps, claims.sessionId, claims.subject, requestId);
    return;
  }
  const check = await checkToken(db, clock, token);
  if (check.state !== 'valid') return;
  const { credential } = check;
  await db.transaction().execute(async (transaction) => {
    const { numUpdatedRows } = await transaction
      .updateTable('credentials')
      .set({ revoked_at: new Date(clock.now()).toISOString() })
      .where('id', '=', credential.id)
      .where('revoked_at', 'is', null)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return;
    await recordAudit(transaction, clock, {
      actor: `credential:${credential.id}`,
      requestId,
      type: 'TokenRevokedEvent',
      ...(credential.tenant_id === null ? {} : { tenantId: credential.tenant_id }),
      subjectId: credential.id,
      data: { kind: credential.kind, label: credential.label },
    });
  });
}

async function end(
  { db, clock }: RevocationDeps,
  sessionId: string,
  userId: string,
  requestId: string,
): Promise<void> {
  await db
    .transaction()
    .execute((transaction) =>
      endSession(
        transaction,
        clock,
        sessionId,
        { actor: `user:${userId}`, requestId },
        'signed out',
      ),
    );
}
