import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import type { Scope } from '../../api/contract/scopes.ts';
import { formatToken, parseToken } from '../../api/contract/token.ts';
import type { Clock } from '../../platform/clock.ts';
import type { CredentialsTable, Schema } from '../db/schema.ts';

export type Credential = Selectable<CredentialsTable>;

const DAY_MS = 86_400_000;
export const DEFAULT_LIFE_MS = 90 * DAY_MS;
export const LONGEST_LIFE_MS = 365 * DAY_MS;
const LAST_USED_EVERY_MS = 60_000;

export interface NewCredential {
  kind: Credential['kind'];
  label: string;
  tenantId: string | null;
  scopes: readonly Scope[];
  createdBy: string;
  /** The user whose rights bound it. */
  ownerId?: string | null;
  /** The first one in a row of rotations. */
  family?: string;
  /** Milliseconds; never more than a year. */
  lifeMs: number;
  /** Milliseconds since the epoch; it ends then at the latest. */
  notAfter?: number;
  /** A token that the operator chose; otherwise one is made. */
  text?: string;
}

/** Stores a new token's hash and returns its text, which is nowhere else. */
export async function createToken(
  db: Kysely<Schema>,
  clock: Clock,
  options: NewCredential,
): Promise<{ id: string; text: string }> {
  const fresh = newToken();
  const kind = options.kind === 'admin' ? 'adm' : 'key';
  const text = options.text ?? formatToken({ kind, ...fresh });
  const id = parseToken(text)?.id ?? fresh.id;
  const now = clock.now();
  await db
    .insertInto('credentials')
    .values({
      id,
      kind: options.kind,
      secret_hash: hashToken(text),
      last4: text.slice(-4),
      label: options.label,
      tenant_id: options.tenantId,
      scopes: options.scopes.join(' '),
      created_at: new Date(now).toISOString(),
      created_by: options.createdBy,
      owner_id: options.ownerId ?? null,
      family: options.family ?? null,
      expires_at: new Date(endOf(options, now)).toISOString(),
    })
    .execute();
  return { id, text };
}

function endOf({ lifeMs, notAfter = Infinity }: NewCredential, now: number): number {
  return Math.min(now + Math.min(lifeMs, LONGEST_LIFE_MS), notAfter);
}

/** Identifier and 256-bit secret of a new token. */
export function newToken(): { id: string; secret: string } {
  return { id: randomId(), secret: randomBytes(32).toString('base64url') };
}

/** SHA-256, hexadecimal. A token has 256 bits of its own, so it needs no slow hash. */
export function hashToken(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export type TokenCheck =
  { state: 'valid' | 'expired' | 'revoked'; credential: Credential } | { state: 'invalid' };

/**
 * Whose token this is. Anything but `invalid` is said to the holder of the secret only: the secret
 * is compared first, in constant time. Tokens that an operator chose have no form of ours and are
 * found by their hash.
 */
export async function checkToken(
  db: Kysely<Schema>,
  clock: Clock,
  text: string,
): Promise<TokenCheck> {
  const hash = hashToken(text);
  const parsed = parseToken(text);
  const query = db.selectFrom('credentials').selectAll();
  const credential = await (
    parsed === undefined ? query.where('secret_hash', '=', hash) : query.where('id', '=', parsed.id)
  ).executeTakeFirst();
  if (credential === undefined || !sameHash(credential.secret_hash, hash)) {
    return { state: 'invalid' };
  }
  return { state: tokenState(credential, clock), credential };
}

export function tokenState(credential: Credential, clock: Clock): 'valid' | 'expired' | 'revoked' {
  if (credential.revoked_at !== null) return 'revoked';
  return Date.parse(credential.expires_at) <= clock.now() ? 'expired' : 'valid';
}

/** Notes the use, at most once a minute so that reads do not become writes. */
export async function touchToken(
  db: Kysely<Schema>,
  clock: Clock,
  credential: Credential,
): Promise<void> {
  const now = clock.now();
  const { last_used_at: last } = credential;
  if (last !== null && now - Date.parse(last) < LAST_USED_EVERY_MS) return;
  await db
    .updateTable('credentials')
    .set({ last_used_at: new Date(now).toISOString() })
    .where('id', '=', credential.id)
    .execute();
}

/** In constant time. */
export function sameHash(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(a, 'hex'), Buffer.from(b, 'hex'));
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

function randomId(): string {
  return Array.from({ length: 12 }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
}
