import type { Transaction } from 'kysely';
import type { TokenExchange, TokenResponse } from '../../../api/contract/auth.ts';
import type { Scope } from '../../../api/contract/scopes.ts';
import type { Clock } from '../../../platform/clock.ts';
import type { Schema } from '../../db/schema.ts';
import type { Database } from '../../db/sqlite.ts';
import type { RevocationDeps } from '../../domain/mount-credentials.ts';
import { HttpProblem, OAuthProblem } from '../../errors.ts';
import {
  answer,
  boundScopes,
  knownScopes,
  letInAgain,
  type GrantDeps,
  type Origin,
} from '../grants.ts';
import type { UserRow } from '../principal.ts';
import { startSession } from '../sessions.ts';
import { choicesOf, choose } from '../sign-in.ts';
import { followClaim } from './claimed-memberships.ts';
import { userOfToken } from './identities.ts';
import { claimedIssuer, verifyIdToken, type IdTokenClaims, type IssuerRow } from './id-token.ts';
import type { ProviderKeys } from './provider.ts';

export interface ExchangeDeps extends GrantDeps, RevocationDeps {
  providerKeys: ProviderKeys;
}

const DAY_MS = 86_400_000;

/**
 * A session of ours for an ID token of a trusted issuer (RFC 8693). One token opens one session; as
 * with a device code, its answer can be asked for again until one of its tokens was used.
 *
 * @throws OAuthProblem `invalid_grant`, `invalid_scope`; 403 `access_denied`; 503
 *   `temporarily_unavailable`; `invalid_target` with the tenants to choose from
 */
export async function exchangeGrant(
  deps: ExchangeDeps,
  request: TokenExchange,
  origin: Origin,
): Promise<TokenResponse> {
  const asked = request.scope === undefined ? undefined : knownScopes(request.scope);
  if (asked?.length === 0) throw new OAuthProblem('invalid_scope', 'There is no such scope.');
  const issuer = await issuerOf(deps, request.subject_token);
  const token = await verifyIdToken(
    { keys: deps.providerKeys, clock: deps.clock },
    issuer,
    request.subject_token,
  );
  const again = await usedFor(deps, token);
  if (again !== undefined) return letInAgain(deps, again, 'The ID token was used.');
  const user = await admitted(deps, issuer, token, origin);
  const tenantId = await chosenTenant(deps, user, asked, request.tenant);
  const scopes = boundScopes(asked, tenantId);
  const started = await deps.db.transaction().execute(async (transaction) => {
    // It may have been removed while its keys were being read.
    await stillTrusted(transaction, issuer);
    const begun = await startSession(
      transaction,
      deps.clock,
      {
        ...{ user, tenantId, scopes, method: 'device', address: origin.address },
        deviceName: request.device_name ?? null,
        deviceSystem: request.device_system ?? null,
        issuer: { id: issuer.id, longestMs: issuer.session_days * DAY_MS },
      },
      origin.requestId,
    );
    await markUsed(transaction, token, begun.session.id);
    await transaction
      .updateTable('user_identities')
      .set({ last_sign_in_at: begun.session.created_at })
      .where('issuer', '=', issuer.url)
      .where('subject', '=', token.subject)
      .execute();
    return begun;
  });
  return answer(deps, started.session, started.refreshToken);
}

async function issuerOf({ db }: ExchangeDeps, token: string): Promise<IssuerRow> {
  const url = claimedIssuer(token);
  const row =
    url === undefined
      ? undefined
      : await db.selectFrom('issuers').selectAll().where('url', '=', url).executeTakeFirst();
  if (row !== undefined) return row;
  throw new OAuthProblem('invalid_grant', 'The token is of no issuer that this server trusts.');
}

async function stillTrusted(transaction: Transaction<Schema>, issuer: IssuerRow): Promise<void> {
  const row = await transaction
    .selectFrom('issuers')
    .select('id')
    .where('id', '=', issuer.id)
    .executeTakeFirst();
  if (row === undefined) {
    throw new OAuthProblem('invalid_grant', 'The issuer is not trusted any more.');
  }
}

/** @throws OAuthProblem 403 `access_denied` */
async function admitted(
  deps: ExchangeDeps,
  issuer: IssuerRow,
  token: IdTokenClaims,
  origin: Origin,
): Promise<UserRow> {
  const user = await userOfToken(deps, issuer, token, origin.requestId);
  if (user === undefined) {
    deps.floods.note('LoginFailedEvent', undefined, `unknown at ${issuer.name}`);
    throw new OAuthProblem(
      'access_denied',
      `${issuer.name} knows you, this server does not. Whoever runs it can let you in: ` +
        `cloud admin issuer link ${issuer.name} '${token.subject}' --user NAME`,
      403,
    );
  }
  if (user.status !== 'active') {
    deps.floods.note('LoginFailedEvent', user.id, 'deactivated');
    throw new OAuthProblem('access_denied', 'The user may not sign in.', 403);
  }
  await followClaim(deps, issuer, user, token.claims, origin.requestId);
  return user;
}

async function chosenTenant(
  { db }: ExchangeDeps,
  user: UserRow,
  asked: readonly Scope[] | undefined,
  wanted: string | undefined,
): Promise<string | null> {
  try {
    return choose(await choicesOf(db, user, asked), wanted).tenant?.id ?? null;
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error;
    const { tenants } = error.toBody();
    if (tenants !== undefined) {
      throw new OAuthProblem('invalid_target', error.message, 400, { tenants });
    }
    const who = `You are ${user.username} here`;
    throw new OAuthProblem(
      'access_denied',
      wanted === undefined
        ? `${who}, and a member of no tenant yet. Ask whoever runs the server to make you one.`
        : `${who}, and may use no tenant ${wanted}.`,
      403,
    );
  }
}

async function usedFor({ db }: ExchangeDeps, { hash }: IdTokenClaims): Promise<string | undefined> {
  const row = await db
    .selectFrom('used_id_tokens')
    .select('session_id')
    .where('token_hash', '=', hash)
    .executeTakeFirst();
  return row?.session_id;
}

async function markUsed(
  transaction: Transaction<Schema>,
  { hash, tooOldAt }: IdTokenClaims,
  sessionId: string,
): Promise<void> {
  const { numInsertedOrUpdatedRows } = await transaction
    .insertInto('used_id_tokens')
    .values({ token_hash: hash, session_id: sessionId, expires_at: tooOldAt })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows === 0n) {
    throw new OAuthProblem('invalid_grant', 'The ID token was used by another request just now.');
  }
}

/** What is too old to be accepted need not be known. */
export async function forgetOldIdTokens(db: Database, clock: Clock): Promise<number> {
  const now = new Date(clock.now()).toISOString();
  const { numDeletedRows } = await db
    .deleteFrom('used_id_tokens')
    .where('expires_at', '<', now)
    .executeTakeFirst();
  return Number(numDeletedRows);
}
