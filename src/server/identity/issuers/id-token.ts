import { createHash } from 'node:crypto';
import { decodeJwt, errors, jwtVerify, type JWTPayload, type JWTVerifyResult } from 'jose';
import type { Selectable } from 'kysely';
import type { Clock } from '../../../platform/clock.ts';
import type { IssuersTable } from '../../db/schema.ts';
import { OAuthProblem } from '../../errors.ts';
import type { ProviderKeys } from './provider.ts';
import { ProviderError } from './provider-request.ts';

export type IssuerRow = Selectable<IssuersTable>;

/** An ID token is shown right after it was issued; one that lay around is somebody else's find. */
const OLDEST_S = 600;
const LONGEST_TOKEN = 16 * 1024;

export interface IdTokenClaims {
  subject: string;
  claims: JWTPayload;
  /** Of what was signed: the signature itself has several spellings. */
  hash: string;
  /** From then on it is refused anyway; RFC 3339. */
  tooOldAt: string;
}

/** Which issuer a token says it is from; nothing is checked yet. */
export function claimedIssuer(token: string): string | undefined {
  if (token.length > LONGEST_TOKEN) return undefined;
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

/**
 * Checks an ID token as OpenID Connect Core 1.0 §3.1.3.7 and RFC 8725 say. Keys come from the
 * issuer's own set only: `jwk`, `jku` and `x5u` are never looked at, an unknown `crit` refuses.
 *
 * @throws OAuthProblem `invalid_grant`; 503 `temporarily_unavailable` when its keys cannot be read
 */
export async function verifyIdToken(
  { keys, clock }: { keys: ProviderKeys; clock: Clock },
  issuer: IssuerRow,
  token: string,
): Promise<IdTokenClaims> {
  const { payload, protectedHeader } = await verified(keys, clock, issuer, token);
  // Other tokens of the same issuer and for the same client: access, logout.
  const { typ } = protectedHeader;
  if (typ !== undefined && typ.toLowerCase() !== 'jwt') throw refused(`it is of type ${typ}`);
  const { sub, aud, azp, iat = 0 } = payload;
  if (typeof sub !== 'string' || sub === '' || sub.length > 255) throw refused('sub is not a name');
  const many = Array.isArray(aud) && aud.length > 1;
  if ((many || azp !== undefined) && azp !== issuer.client_id) {
    throw refused('it was issued to another client (azp)');
  }
  return {
    subject: sub,
    claims: payload,
    hash: createHash('sha256')
      .update(token.slice(0, token.lastIndexOf('.')))
      .digest('hex'),
    tooOldAt: new Date((iat + OLDEST_S + issuer.clock_skew_s + 1) * 1000).toISOString(),
  };
}

async function verified(
  keys: ProviderKeys,
  clock: Clock,
  issuer: IssuerRow,
  token: string,
): Promise<JWTVerifyResult> {
  try {
    return await jwtVerify(token, (header, input) => keys.find(issuer.url, header, input), {
      algorithms: issuer.algorithms.split(' '),
      issuer: issuer.url,
      audience: issuer.audience,
      requiredClaims: ['sub', 'exp', 'iat'],
      maxTokenAge: OLDEST_S,
      clockTolerance: issuer.clock_skew_s,
      currentDate: new Date(clock.now()),
    });
  } catch (error) {
    if (error instanceof ProviderError) {
      throw new OAuthProblem(
        'temporarily_unavailable',
        `The keys of ${issuer.name} cannot be read at the moment.`,
        503,
      );
    }
    if (error instanceof errors.JWTExpired) throw refused('it has expired');
    if (error instanceof errors.JWTClaimValidationFailed) throw refused(`${error.claim} is wrong`);
    if (error instanceof errors.JOSEAlgNotAllowed) throw refused('its algorithm is not allowed');
    if (error instanceof errors.JOSEError || error instanceof TypeError) {
      throw refused('its signature does not hold');
    }
    throw error;
  }
}

function refused(why: string): OAuthProblem {
  return new OAuthProblem('invalid_grant', `The ID token is not accepted: ${why}.`);
}
