import { hkdfSync, randomBytes } from 'node:crypto';
import { readTextIfExists, writeFileAtomic } from '../../platform/atomic-file.ts';
import type { Database } from '../db/sqlite.ts';
import { ServerStartError } from '../errors.ts';

const LENGTH = 32;

/**
 * The key that wraps the signing keys: the operator's, or one in a file of mode 0600 that the first
 * start writes.
 *
 * @throws ServerStartError `signing-key-locked` when the file is gone although it was used
 */
export async function loadMasterKey(
  db: Database,
  path: string,
  given: Buffer | undefined,
): Promise<Buffer> {
  if (given !== undefined) return given;
  const text = await readTextIfExists(path);
  if (text !== undefined) {
    const key = Buffer.from(text.trim(), 'base64url');
    if (key.length === LENGTH) return key;
    throw locked(`${path} does not hold a key of ${LENGTH} bytes.`);
  }
  const used = await db.selectFrom('signing_keys').select('id').limit(1).executeTakeFirst();
  if (used !== undefined) throw locked(`${path} is missing, and the signing keys need it.`);
  const key = randomBytes(LENGTH);
  await writeFileAtomic(path, `${key.toString('base64url')}\n`);
  return key;
}

function locked(message: string): ServerStartError {
  return new ServerStartError('signing-key-locked', message, {
    suggestions: ['Restore the file from a backup, or set CLOUD_SERVER_KEY.'],
  });
}

/** The key pair by which we administer our own object store; it is stored nowhere. */
export function embeddedStorageKey(masterKey: Buffer): {
  accessKeyId: string;
  secretAccessKey: string;
} {
  const derive = (purpose: string, bytes: number): string =>
    Buffer.from(hkdfSync('sha256', masterKey, '', purpose, bytes)).toString('base64url');
  return {
    accessKeyId: `tid_${Buffer.from(derive('cloud embedded storage id', 12)).toString('hex')}`,
    secretAccessKey: `tsec_${derive('cloud embedded storage secret', 32)}`,
  };
}
