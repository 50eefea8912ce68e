/** The one item that the system's keychain keeps: a 32-byte key (keychains limit item sizes). */
export interface Keychain {
  get(): Promise<Buffer | undefined>;
  set(key: Buffer): Promise<void>;
}

const SERVICE = 'cloud-cli';
const ACCOUNT = 'secrets-key';

/**
 * The system's keychain. On Linux the Secret Service is required by name: left to choose, the
 * library falls back to the kernel keyring, which forgets the key at the end of the session.
 *
 * @throws Error when there is none, or it is locked
 */
export async function openKeychain(): Promise<Keychain> {
  const { AsyncEntry } = await import('@napi-rs/keyring');
  const entry = new AsyncEntry(SERVICE, ACCOUNT, { linux: { store: 'secret-service' } });
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
