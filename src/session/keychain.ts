/** The one item that the system's keychain keeps: a 32-byte key (keychains limit item sizes). */
export interface Keychain {
  get(): Promise<Buffer | undefined>;
  set(key: Buffer): Promise<void>;
}

const SERVICE = 'cloud-cli';

/**
 * The system's keychain, and in it the item `account`. On Linux the Secret Service is required by
 * name: left to choose, the library falls back to the kernel keyring, which forgets the key at the
 * end of the session.
 *
 * @throws Error when there is none, or it is locked
 */
export async function openKeychain(account: string): Promise<Keychain> {
  const { AsyncEntry } = await import('@napi-rs/keyring');
  const entry = new AsyncEntry(SERVICE, account, { linux: { store: 'secret-service' } });
  return {
    get: async () => {
      const text = await entry.getPassword();
      return text === null ? undefined : Buffer.from(text, 'base64');
    },
    set: async (key) => {
      await entry.setPassword(key.toString('base64'));
      // A store that takes a secret and does not give it back must be found out now.
      if ((await entry.getPassword()) !== key.toString('base64')) {
        throw new Error('the keychain did not keep the key');
      }
    },
  };
}

/** Whether the keychain's error means that it is there and was not opened. Its words, measured. */
export function isLocked(error: unknown): boolean {
  return error instanceof Error && /dismissed|locked/i.test(error.message);
}
