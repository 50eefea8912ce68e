import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import type { Kysely, Selectable } from 'kysely';
import type { SigningKey } from '../../api/contract/signing-keys.ts';
import type { Clock } from '../../platform/clock.ts';
import { notify } from '../db/notifications.ts';
import type { Schema, SigningKeysTable } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { HttpProblem } from '../errors.ts';
import { recordAudit, type Actor } from './audit.ts';
import { unwrapKey, wrapKey } from './key-wrapping.ts';

type Row = Selectable<SigningKeysTable>;

/** How long others may keep the key set, in seconds: `max-age` of `/.well-known/jwks.json`. */
export const JWKS_MAX_AGE_S = 300;
/** A retired key is published and accepted until every token that it signed has ended. */
const RETIRED_KEPT_MS = 15 * 60_000;
/** An unknown `kid` makes us look whether another server has rotated, at most this often. */
const LOOK_AGAIN_MS = 5_000;

interface Loaded {
  active: { kid: string; privateKey: KeyObject };
  publicKeys: ReadonlyMap<string, KeyObject>;
  rows: readonly Row[];
}

/**
 * The keys of our tokens. `next` is published before it signs, so that whoever keeps the key set
 * knows it by then; `retired` is published until the last of its tokens has ended. The private
 * halves lie wrapped in the database.
 */
export class SigningKeys {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #masterKey: Buffer;
  #loaded: Loaded;
  #loadedAt: number;

  constructor(db: Database, clock: Clock, masterKey: Buffer, loaded: Loaded) {
    this.#db = db;
    this.#clock = clock;
    this.#masterKey = masterKey;
    this.#loaded = loaded;
    this.#loadedAt = clock.now();
  }

  get active(): Loaded['active'] {
    return this.#loaded.active;
  }

  /** RFC 7517 set for `/.well-known/jwks.json`. */
  get jwks(): { keys: JWK[] } {
    const rows = this.#loaded.rows.filter((row) => this.#isInUse(row));
    return { keys: rows.map((row) => JSON.parse(row.public_jwk) as JWK) };
  }

  /** The key that a token of now may have been signed with. */
  async publicKey(kid: string): Promise<KeyObject | undefined> {
    if (!this.#loaded.publicKeys.has(kid) && this.#clock.now() - this.#loadedAt > LOOK_AGAIN_MS) {
      await this.reload();
    }
    const row = this.#loaded.rows.find((each) => each.id === kid);
    return row !== undefined && this.#isInUse(row) ? this.#loaded.publicKeys.get(kid) : undefined;
  }

  /** Reads what another process may have changed. */
  async reload(): Promise<void> {
    this.#loadedAt = this.#clock.now();
    this.#loaded = await read(this.#db, this.#masterKey);
  }

  async list(): Promise<SigningKey[]> {
    await this.reload();
    return this.#loaded.rows.toReversed().map((row) => toSigningKey(row));
  }

  /**
   * `next` signs from now on, what signed until now is retired, and a new `next` is published.
   * Nobody is signed out. `compromised`: the old key is not accepted any more, at once.
   *
   * @throws HttpProblem 409 `rotated-just-now` when `next` is too new to be known everywhere
   */
  async rotate(actor: Actor, compromised: boolean): Promise<SigningKey[]> {
    await this.reload();
    const { rows, active } = this.#loaded;
    const next = rows.find(({ status }) => status === 'next');
    if (next === undefined) throw new Error('there is no next signing key');
    const now = this.#clock.now();
    const known = Date.parse(next.created_at) + JWKS_MAX_AGE_S * 1000;
    if (known > now && !compromised) throw tooSoon(known - now);
    const at = new Date(now).toISOString();
    const retired = new Date(compromised ? now - RETIRED_KEPT_MS : now).toISOString();
    const fresh = await newKey(this.#clock, this.#masterKey, 'next');
    await this.#db.transaction().execute(async (transaction) => {
      const { numUpdatedRows } = await transaction
        .updateTable('signing_keys')
        .set({ status: 'retired', retired_at: retired })
        .where('id', '=', active.kid)
        .where('status', '=', 'active')
        .executeTakeFirst();
      // Another process rotates at this very moment.
      if (numUpdatedRows === 0n) throw tooSoon(JWKS_MAX_AGE_S * 1000);
      await transaction
        .updateTable('signing_keys')
        .set({ status: 'active', activated_at: at })
        .where('id', '=', next.id)
        .execute();
      await transaction.insertInto('signing_keys').values(fresh).execute();
      await recordAudit(transaction, this.#clock, {
        ...actor,
        type: 'SigningKeyRotatedEvent',
        subjectId: next.id,
        data: { replaces: active.kid, reason: compromised ? 'compromised' : 'rotation' },
      });
      // At once everywhere: what a compromised key has signed must not be accepted a minute longer.
      await notify(transaction, 'cloud_keys', next.id);
    });
    return this.list();
  }

  #isInUse({ status, retired_at: at }: Row): boolean {
    if (status !== 'retired') return true;
    return at !== null && Date.parse(at) + RETIRED_KEPT_MS > this.#clock.now();
  }
}

/**
 * The keys from the database; a first start makes one that signs and one that is next.
 *
 * @throws ServerStartError `signing-key-locked` when `masterKey` is not the one they were wrapped
 *   with
 */
export async function loadSigningKeys(
  db: Database,
  clock: Clock,
  masterKey: Buffer,
): Promise<SigningKeys> {
  for (const status of ['active', 'next'] as const) {
    const has = await db
      .selectFrom('signing_keys')
      .select('id')
      .where('status', '=', status)
      .executeTakeFirst();
    if (has === undefined) await addKey(db, clock, masterKey, status);
  }
  return new SigningKeys(db, clock, masterKey, await read(db, masterKey));
}

async function read(db: Kysely<Schema>, masterKey: Buffer): Promise<Loaded> {
  const rows = await db.selectFrom('signing_keys').selectAll().orderBy('created_at').execute();
  const active = rows.find((row) => row.status === 'active');
  if (active === undefined) throw new Error('there is no active signing key');
  const der = unwrapKey(active.wrapped_private_key, masterKey, active.id);
  return {
    rows,
    active: {
      kid: active.id,
      privateKey: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }),
    },
    publicKeys: new Map(
      rows.map(({ id, public_jwk: jwk }) => [
        id,
        createPublicKey({ key: JSON.parse(jwk) as JWK, format: 'jwk' }),
      ]),
    ),
  };
}

async function addKey(
  db: Database,
  clock: Clock,
  masterKey: Buffer,
  status: 'active' | 'next',
): Promise<void> {
  const key = await newKey(clock, masterKey, status);
  await db.transaction().execute(async (transaction) => {
    const { numInsertedOrUpdatedRows } = await transaction
      .insertInto('signing_keys')
      .values(key)
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow();
    // Another server that starts at this moment has made it.
    if (numInsertedOrUpdatedRows === 0n) return;
    await recordAudit(transaction, clock, {
      type: 'SigningKeyCreatedEvent',
      actor: 'server',
      subjectId: key.id,
    });
  });
}

async function newKey(clock: Clock, masterKey: Buffer, status: 'active' | 'next'): Promise<Row> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const jwk = publicKey.export({ format: 'jwk' }) as JWK;
  const kid = await calculateJwkThumbprint(jwk);
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  const at = new Date(clock.now()).toISOString();
  return {
    id: kid,
    status,
    algorithm: 'EdDSA',
    public_jwk: JSON.stringify({ ...jwk, kid, alg: 'EdDSA', use: 'sig' }),
    wrapped_private_key: wrapKey(der, masterKey, kid),
    created_at: at,
    activated_at: status === 'active' ? at : null,
    retired_at: null,
  };
}

function toSigningKey(row: Row): SigningKey {
  const { id, status, algorithm, created_at, activated_at, retired_at } = row;
  // A key of an earlier version signed from the moment it was made.
  const signedFrom = activated_at ?? (status === 'next' ? null : created_at);
  return { id, status, algorithm, created_at, activated_at: signedFrom, retired_at };
}

function tooSoon(waitMs: number): HttpProblem {
  const seconds = Math.ceil(waitMs / 1000);
  return new HttpProblem(409, 'rotated-just-now', 'The next key is not known everywhere yet.', {
    detail: `Others may keep the key set for ${JWKS_MAX_AGE_S} s. Try again in ${seconds} s.`,
    headers: { 'retry-after': String(seconds) },
  });
}
