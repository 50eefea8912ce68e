import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { ServerStartError } from '../errors.ts';

const NONCE = 12;
const TAG = 16;

/** AES-256-GCM under `key` (32 bytes), bound to a name; base64url of nonce, tag, ciphertext. */
export function wrapKey(plain: Buffer, key: Buffer, boundTo: string): string {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(boundTo));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url');
}

/** @throws ServerStartError `signing-key-locked` when it was wrapped with another key */
export function unwrapKey(wrapped: string, key: Buffer, boundTo: string): Buffer {
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
