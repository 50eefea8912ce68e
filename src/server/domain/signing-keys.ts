import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import { ServerStartError } from '../errors.ts';
import { recordAudit } from './audit.ts';

export interface SigningKeys {
  active: { kid: string; privateKey: KeyObject };
  /** Keys that a token may have been signed with, by `kid`. */
  publicKeys: ReadonlyMap<string, KeyObject>;
  /** RFC 7517 set for `/.well-known/jwks.json`. */
  jwks: { keys: JWK[] };
}

/**
 * The keys from the database; the first start makes one. The private half is stored wrapped with
 * AES-256-GCM under `masterKey` (32 bytes), bound to its `kid`.
 *
 * @throws ServerStartError `signing-key-locked` when `masterKey` is not the one it was wrapped with
 */
export async function loadSigningKeys(
  db: Database,
  clock: Clock,
  masterKey: Buffer,
): Promise<SigningKeys> {
  let rows = await db.selectFrom('signing_keys').selectAll().orderBy('created_at').execute();
  if (!rows.some((row) => row.status === 'active')) {
    await createSigningKey(db, clock, masterKey);
    rows = await db.selectFrom('signing_keys').selectAll().orderBy('created_at').execute();
  }
  const active = rows.find((row) => row.status === 'active');
  if (active === undefined) throw new Error('there is no active signing key');
  const jwks = rows.map((row) => JSON.parse(row.public_jwk) as JWK);
  const publicKeys = new Map(
    rows.map((row) => [
      row.id,
      createPublicKey({ key: JSON.parse(row.public_jwk) as JWK, format: 'jwk' }),
    ]),
  );
  const der = unwrap(active.wrapped_private_key, masterKey, active.id);
  return {
    active: {
      kid: active.id,
      privateKey: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }),
    },
    publicKeys,
    jwks: { keys: jwks },
  };
}

async function createSigningKey(db: Database, clock: Clock, masterKey: Buffer): Promise<void> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const jwk = publicKey.export({ format: 'jwk' }) as JWK;
  const kid = await calculateJwkThumbprint(jwk);
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  const published = { ...jwk, kid, alg: 'EdDSA', use: 'sig' };
  await db.transaction().execute(async (transaction) => {
    await transaction
      .insertInto('signing_keys')
      .values({
        id: kid,
        status: 'active',
        algorithm: 'EdDSA',
        public_jwk: JSON.stringify(published),
        wrapped_private_key: wrap(der, masterKey, kid),
        created_at: new Date(clock.now()).toISOString(),
      })
      .execute();
    await recordAudit(transaction, clock, {
      type: 'SigningKeyCreatedEvent',
      actor: 'server',
      subjectId: kid,
    });
  });
}

const NONCE = 12;
const TAG = 16;

function wrap(plain: Buffer, key: Buffer, boundTo: string): string {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(boundTo));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url');
}

function unwrap(wrapped: string, key: Buffer, boundTo: string): Buffer {
  const bytes = Buffer.from(wrapped, 'base64url');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE));
    decipher.setAAD(Buffer.from(boundTo));
    decipher.setAuthTag(bytes.subarray(NONCE, NONCE + TAG));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE + TAG)), decipher.final()]);
  } catch (cause) {
    throw new ServerStartError(
      'signing-key-locked',
      'The signing key in the database was wrapped with another CLOUD_SERVER_KEY.',
      { suggestions: ['Start with the key that this data folder was first started with.'], cause },
    );
  }
}
