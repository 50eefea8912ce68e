import { hash, randomUUID } from 'node:crypto';
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

interface Checked {
  claims: z.infer<typeof Claims>;
  kid: string;
}

/** About 5 MB. */
const CHECKED_KEPT = 10_000;

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
  /** By the token's hash: the claims of signatures that were checked already, the oldest first. */
  readonly #checked = new Map<string, Checked>();
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
    const id = hash('sha256', token, 'base64');
    const checked = this.#checked.get(id) ?? (await this.#check(token));
    if (typeof checked === 'string') return checked;
    const { claims, kid } = checked;
    const { keys, clock } = this.#deps;
    // A signature stays right; what it is worth is asked each time.
    if (claims.exp <= Math.floor(clock.now() / 1000)) return 'expired';
    if (!isPlausible(claims, clock) || (await keys.publicKey(kid)) === undefined) return 'invalid';
    this.#remember(id, checked);
    return {
      subject: claims.sub,
      sessionId: claims.sid,
      tenantId: claims.tenant_id ?? null,
      scopes: parseScopes(claims.scope),
      expiresAt: new Date(claims.exp * 1000).toISOString(),
    };
  }

  #remember(id: string, checked: Checked): void {
    if (this.#checked.has(id)) return;
    this.#checked.set(id, checked);
    for (const oldest of this.#checked.keys()) {
      if (this.#checked.size <= CHECKED_KEPT) return;
      this.#checked.delete(oldest);
    }
  }

  async #check(token: string): Promise<Checked | 'expired' | 'invalid'> {
    const { keys, issuer, clock } = this.#deps;
    try {
      const { payload, protectedHeader } = await jwtVerify(
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
      const { kid } = protectedHeader;
      return claims.success && kid !== undefined ? { claims: claims.data, kid } : 'invalid';
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
