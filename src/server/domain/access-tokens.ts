import { randomUUID } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import * as z from 'zod/mini';
import type { Clock } from '../../platform/clock.ts';
import type { Scope } from '../../api/contract/scopes.ts';
import { parseScopes } from './scopes.ts';
import type { SigningKeys } from './signing-keys.ts';

export const ACCESS_TOKEN_SECONDS = 600;
const AUDIENCE = 'cloud-api';
const TYPE = 'at+jwt';
/** How far the clocks of two servers may be apart, in seconds. */
const SKEW_SECONDS = 60;

const Claims = z.object({
  sub: z.string(),
  jti: z.string(),
  scope: z.string(),
  tenant_id: z.optional(z.uuid()),
  sid: z.optional(z.uuid()),
  exp: z.number(),
  iat: z.number(),
});

export interface AccessTokenClaims {
  /** Id of the credential that it was issued for, or of the session's user. */
  subject: string;
  /** Undefined: issued for a credential. */
  sessionId: string | undefined;
  /** Null: administers the server. */
  tenantId: string | null;
  scopes: Scope[];
  expiresAt: string;
}

interface AccessTokenDeps {
  keys: SigningKeys;
  /** Our own address: `iss`. A function, because a port of 0 is known only after listening. */
  issuer: () => string;
  clock: Clock;
}

/** JSON Web Tokens in the profile of RFC 9068, signed with Ed25519, living ten minutes. */
export class AccessTokens {
  readonly #deps: AccessTokenDeps;
  constructor(deps: AccessTokenDeps) {
    this.#deps = deps;
  }

  async issue(claims: Omit<AccessTokenClaims, 'expiresAt'>): Promise<string> {
    const { keys, issuer, clock } = this.#deps;
    const now = Math.floor(clock.now() / 1000);
    return new SignJWT({
      scope: claims.scopes.join(' '),
      ...(claims.tenantId === null ? {} : { tenant_id: claims.tenantId }),
      ...(claims.sessionId === undefined ? {} : { sid: claims.sessionId }),
    })
      .setProtectedHeader({ alg: 'EdDSA', typ: TYPE, kid: keys.active.kid })
      .setIssuer(issuer())
      .setAudience(AUDIENCE)
      .setSubject(claims.subject)
      .setJti(randomUUID())
      .setIssuedAt(now)
      .setExpirationTime(now + ACCESS_TOKEN_SECONDS)
      .sign(keys.active.privateKey);
  }

  /**
   * The claims of a token that is ours and of now. The key is found by `kid` among our own only;
   * `jwk`, `jku` and `x5u` in the header are never looked at, and an unknown `crit` refuses.
   */
  async verify(token: string): Promise<AccessTokenClaims | 'expired' | 'invalid'> {
    const { keys, issuer, clock } = this.#deps;
    try {
      const { payload } = await jwtVerify(
        token,
        async ({ kid }) => {
          const key = kid === undefined ? undefined : await keys.publicKey(kid);
          if (key === undefined) throw new errors.JWKSNoMatchingKey();
          return key;
        },
        {
          algorithms: ['EdDSA'],
          typ: TYPE,
          issuer: issuer(),
          audience: AUDIENCE,
          requiredClaims: ['iat', 'exp', 'sub', 'jti', 'scope'],
          currentDate: new Date(clock.now()),
        },
      );
      const claims = Claims.safeParse(payload);
      if (!claims.success || !isPlausible(claims.data, clock)) return 'invalid';
      return {
        subject: claims.data.sub,
        sessionId: claims.data.sid,
        tenantId: claims.data.tenant_id ?? null,
        scopes: parseScopes(claims.data.scope),
        expiresAt: new Date(claims.data.exp * 1000).toISOString(),
      };
    } catch (error) {
      if (error instanceof errors.JWTExpired) return 'expired';
      if (error instanceof errors.JOSEError || error instanceof TypeError) return 'invalid';
      throw error;
    }
  }
}

/** Of now, and living no longer than what we issue; another server's clock may be a little ahead. */
function isPlausible({ iat, exp }: z.infer<typeof Claims>, clock: Clock): boolean {
  const now = clock.now() / 1000;
  return iat <= now + SKEW_SECONDS && exp - iat <= ACCESS_TOKEN_SECONDS;
}
