import type { LoginRequest, TokenResponse } from '../../api/contract/auth.ts';
import { SCOPES, type Scope } from '../../api/contract/scopes.ts';
import { ACCESS_TOKEN_SECONDS, type AccessTokens } from '../domain/access-tokens.ts';
import { parseScopes } from '../domain/scopes.ts';
import { assertAllowed, resolveTenant } from '../domain/tenant-view.ts';
import { checkToken, touchToken } from '../domain/tokens.ts';
import { HttpProblem, invalidField, OAuthProblem } from '../errors.ts';
import { pollDeviceCode, type DeviceCode, type DeviceCodeDeps } from './device-codes.ts';
import {
  findUser,
  principalOfCredential,
  principalOfSession,
  tenantBehind,
  type Principal,
  type SessionRow,
} from './principal.ts';
import { addRefreshToken, rotateRefreshToken, sessionOfRefreshToken } from './refresh-tokens.ts';
import { scopesOfBinding } from './roles.ts';
import { startSession } from './sessions.ts';
import { checkPassword, choicesOf, choose, type SignInDeps } from './sign-in.ts';

export interface GrantDeps extends SignInDeps, DeviceCodeDeps {
  accessTokens: AccessTokens;
}

/** Where a request comes from. */
export interface Origin {
  address: string;
  requestId: string;
}

/** A device whose answer was lost may ask again for so long, as long as it has used nothing. */
const LOST_ANSWER_MS = 120_000;

/** @throws HttpProblem as `LoginRequest` says */
export async function passwordGrant(
  deps: GrantDeps,
  request: LoginRequest,
  origin: Origin,
): Promise<TokenResponse> {
  const asked = request.scope === undefined ? undefined : knownScopes(request.scope);
  if (asked?.length === 0) {
    throw invalidField('scope', `Known scopes are ${SCOPES.join(', ')}.`);
  }
  const user = await checkPassword(deps, { ...request, address: origin.address });
  const { tenant: ref } = request;
  // A slug that the tenant had before leads to it too.
  const wanted = typeof ref === 'string' ? ((await resolveTenant(deps.db, ref))?.id ?? ref) : ref;
  const { tenant } = choose(await choicesOf(deps.db, user, asked), wanted);
  const tenantId = tenant?.id ?? null;
  const started = await deps.db.transaction().execute((transaction) =>
    startSession(
      transaction,
      deps.clock,
      {
        user,
        tenantId,
        scopes: boundScopes(asked, tenantId),
        method: 'password',
        deviceName: request.device_name ?? null,
        deviceSystem: request.device_system ?? null,
        address: origin.address,
      },
      origin.requestId,
    ),
  );
  return answer(deps, started.session, started.refreshToken);
}

/** @throws OAuthProblem as RFC 8628 §3.5 says */
export async function deviceGrant(
  deps: GrantDeps,
  deviceCode: string,
  origin: Origin,
): Promise<TokenResponse> {
  const polled = await pollDeviceCode(deps, deviceCode);
  switch (polled.state) {
    case 'approved':
      return letIn(deps, polled.code, origin);
    case 'pending':
      throw new OAuthProblem('authorization_pending', 'Nobody has decided yet.');
    case 'slow_down':
      throw new OAuthProblem('slow_down', 'Ask five seconds less often.');
    case 'denied':
      throw new OAuthProblem('access_denied', 'The request was denied.');
    case 'expired':
      throw new OAuthProblem('expired_token', 'The code has expired. Begin again.');
    case 'unknown':
    case 'used':
      throw new OAuthProblem('invalid_grant', 'The device code is not one that waits.');
  }
}

async function letIn(deps: GrantDeps, code: DeviceCode, origin: Origin): Promise<TokenResponse> {
  const { db, clock } = deps;
  if (code.status === 'used') {
    return letInAgain(deps, code.session_id, 'The device code was used.');
  }
  const user = code.user_id === null ? undefined : await findUser(db, code.user_id);
  if (user?.status !== 'active')
    throw new OAuthProblem('access_denied', 'The user may not sign in.');
  const asked = code.scopes === null ? undefined : knownScopes(code.scopes);
  const started = await db.transaction().execute(async (transaction) => {
    const { numUpdatedRows } = await transaction
      .updateTable('device_codes')
      .set({ status: 'used' })
      .where('id', '=', code.id)
      .where('status', '=', 'approved')
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return undefined;
    const begun = await startSession(
      transaction,
      clock,
      {
        user,
        tenantId: code.tenant_id,
        scopes: boundScopes(asked, code.tenant_id),
        method: 'device',
        deviceName: code.device_name,
        deviceSystem: code.device_system,
        address: origin.address,
      },
      origin.requestId,
    );
    await transaction
      .updateTable('device_codes')
      .set({ session_id: begun.session.id })
      .where('id', '=', code.id)
      .execute();
    return begun;
  });
  if (started === undefined) throw new OAuthProblem('slow_down', 'Another request was faster.');
  return answer(deps, started.session, started.refreshToken);
}

/** The answer was lost: a sibling of the first refresh token, as long as none was used. */
export async function letInAgain(
  deps: GrantDeps,
  sessionId: string | null,
  otherwise: string,
): Promise<TokenResponse> {
  const { db, clock } = deps;
  const session =
    sessionId === null
      ? undefined
      : await db
          .selectFrom('sessions')
          .selectAll()
          .where('id', '=', sessionId)
          .where('head_token_id', 'is', null)
          .where('ended_at', 'is', null)
          .executeTakeFirst();
  if (session === undefined || clock.now() - Date.parse(session.created_at) > LOST_ANSWER_MS) {
    throw new OAuthProblem('invalid_grant', otherwise);
  }
  const text = await db
    .transaction()
    .execute((transaction) => addRefreshToken(transaction, clock, session.id, null));
  return answer(deps, session, text);
}

/** @throws OAuthProblem `invalid_grant`, `invalid_scope`, `access_denied`; HttpProblem 429 */
export async function refreshGrant(
  deps: GrantDeps,
  refreshToken: string,
  scope: string | undefined,
  origin: Origin,
): Promise<TokenResponse> {
  const { db, clock, limits } = deps;
  const found = await sessionOfRefreshToken(db, refreshToken);
  if (found !== undefined) await limits.take('refresh', found.session.id);
  const narrowed = scope === undefined ? undefined : knownScopes(scope);
  if (narrowed?.length === 0) throw new OAuthProblem('invalid_scope', 'There is no such scope.');
  const refreshed = await rotateRefreshToken(
    db,
    clock,
    refreshToken,
    origin.address,
    origin.requestId,
  );
  if (refreshed.outcome !== 'refreshed') {
    throw new OAuthProblem('invalid_grant', REFUSED_REFRESH[refreshed.outcome]);
  }
  return answer(deps, refreshed.session, refreshed.refreshToken, narrowed);
}

const REFUSED_REFRESH = {
  invalid: 'The refresh token is not one of this server.',
  expired: 'The session was not used for too long, or is too old.',
  revoked: 'The session was ended.',
  reused: 'The refresh token was used before by somebody. The session was ended to be safe.',
} as const;

/** @throws OAuthProblem `invalid_grant`, `access_denied` (403) when its tenant is denied */
export async function apiKeyGrant(deps: GrantDeps, apiKey: string): Promise<TokenResponse> {
  const { db, clock, accessTokens } = deps;
  const check = await checkToken(db, clock, apiKey);
  if (check.state !== 'valid') {
    throw new OAuthProblem('invalid_grant', `The API key is ${check.state}.`);
  }
  const { credential } = check;
  if (credential.kind !== 'api') {
    throw new OAuthProblem('invalid_grant', 'This is not an API key.');
  }
  const principal = await principalOfCredential(db, clock, credential);
  if (typeof principal === 'string') {
    throw new OAuthProblem('invalid_grant', `The API key is ${principal}.`);
  }
  await assertTenant(deps, principal);
  await touchToken(db, clock, credential);
  const token = await accessTokens.issue({
    subject: credential.id,
    sessionId: undefined,
    tenantId: principal.tenantId,
    scopes: [...principal.scopes],
  });
  return {
    access_token: token,
    token_type: 'Bearer',
    expires_in: ACCESS_TOKEN_SECONDS,
    scope: principal.scopes.join(' '),
  };
}

/** The tokens of a session, as far as its user may use it now. */
export async function answer(
  deps: GrantDeps,
  session: SessionRow,
  refreshToken: string,
  narrowed?: readonly Scope[],
): Promise<TokenResponse> {
  const { db, clock, accessTokens } = deps;
  const principal = await principalOfSession(db, clock, session.id);
  if (typeof principal === 'string') {
    throw new OAuthProblem('invalid_grant', REFUSED_REFRESH[principal]);
  }
  await assertTenant(deps, principal);
  const scopes = principal.scopes.filter((scope) => narrowed?.includes(scope) ?? true);
  if (scopes.length === 0) {
    throw new OAuthProblem('access_denied', 'The user may do nothing there any more.', 403);
  }
  const token = await accessTokens.issue({
    subject: session.user_id,
    sessionId: session.id,
    tenantId: session.tenant_id,
    scopes,
  });
  const end = Math.min(Date.parse(session.idle_until), Date.parse(session.ends_at));
  return {
    access_token: token,
    token_type: 'Bearer',
    expires_in: ACCESS_TOKEN_SECONDS,
    scope: scopes.join(' '),
    refresh_token: refreshToken,
    refresh_expires_in: Math.floor((end - clock.now()) / 1000),
  };
}

async function assertTenant({ db }: GrantDeps, principal: Principal): Promise<void> {
  if (principal.tenantId === null) return;
  try {
    assertAllowed(await tenantBehind(db, principal));
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error;
    const { title, detail = title } = error.toBody();
    throw new OAuthProblem('access_denied', detail, 403);
  }
}

/** Of names that a client sent those that exist. */
export function knownScopes(text: string): Scope[] {
  return parseScopes(text);
}

/** What a session keeps: later its user's role decides again what of it is in force. */
export function boundScopes(asked: readonly Scope[] | undefined, tenantId: string | null): Scope[] {
  return scopesOfBinding(tenantId).filter((scope) => asked?.includes(scope) ?? true);
}
