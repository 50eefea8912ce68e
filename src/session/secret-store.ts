import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { ensurePrivateFolder, readTextIfExists, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { acquireLock } from '../platform/lock.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';
import { readConfiguration, updateConfiguration } from './configuration.ts';
import { openKeychain, type Keychain } from './keychain.ts';

/** keytar's interface, over a file that only a key from the keychain opens. */
export interface SecretStore {
  getPassword(service: string, account: string): Promise<string | null>;
  setPassword(service: string, account: string, password: string): Promise<void>;
  deletePassword(service: string, account: string): Promise<boolean>;
  findPassword(service: string): Promise<string | null>;
  findCredentials(service: string): Promise<{ account: string; password: string }[]>;
}

export interface SecretStoreDeps {
  openKeychain: () => Promise<Keychain>;
}

const Sealed = z.object({
  version: z.literal(1),
  /** Where the key lies. */
  key: z.enum(['keychain', 'file']),
  iv: z.string(),
  tag: z.string(),
  data: z.string(),
});
type Sealed = z.infer<typeof Sealed>;

/** service → account → secret */
const Secrets = z.record(z.string(), z.record(z.string(), z.string()));
type Secrets = z.infer<typeof Secrets>;

/**
 * The secrets of this user on this machine: AES-256-GCM in `secrets.json` (0600). The key lies in
 * the system's keychain, or, where a person chose so (`--insecure-storage`), in a file beside it.
 * Where there is no keychain and nobody chose, storing fails: never a silent fallback or loss.
 */
export function openSecretStore(
  host: Host,
  options: { insecureStorage?: boolean } = {},
  deps: SecretStoreDeps = { openKeychain },
): SecretStore {
  const file = join(host.places.config, 'secrets.json');
  const keys = new KeySource(host, options.insecureStorage === true, deps);

  const read = async (): Promise<Secrets> => {
    const sealed = await readSealed(file);
    if (sealed === undefined) return {};
    const key = await keys.existing(sealed.key);
    const secrets = unseal(sealed, key, file);
    for (const accounts of Object.values(secrets)) Object.values(accounts).forEach(registerSecret);
    return secrets;
  };
  const change = async <T>(edit: (secrets: Secrets) => T): Promise<T> => {
    await ensurePrivateFolder(host.places.config);
    const lock = await acquireLock(join(host.places.state, 'locks', 'secrets.lock'), {
      command: 'change of the stored secrets',
      waitMs: 10_000,
      clock: host.clock,
    });
    try {
      const secrets = await read();
      const result = edit(secrets);
      const { key, where } = await keys.forWriting(await readSealed(file));
      await writeFileAtomic(file, `${JSON.stringify(seal(secrets, key, where))}\n`);
      return result;
    } finally {
      lock.release();
    }
  };
  return {
    getPassword: async (service, account) => (await read())[service]?.[account] ?? null,
    setPassword: (service, account, password) => {
      registerSecret(password);
      return change((secrets) => {
        secrets[service] = { ...secrets[service], [account]: password };
      });
    },
    deletePassword: async (service, account) => {
      if ((await read())[service]?.[account] === undefined) return false;
      return change((secrets) => {
        const { [account]: removed, ...rest } = secrets[service] ?? {};
        secrets[service] = rest;
        return removed !== undefined;
      });
    },
    findPassword: async (service) => Object.values((await read())[service] ?? {})[0] ?? null,
    findCredentials: async (service) =>
      Object.entries((await read())[service] ?? {}).map(([account, password]) => ({
        account,
        password,
      })),
  };
}

/** Finds or makes the 32-byte key, in the keychain or in the file that a person chose instead. */
class KeySource {
  readonly #host: Host;
  readonly #insecure: boolean;
  readonly #deps: SecretStoreDeps;
  constructor(host: Host, insecure: boolean, deps: SecretStoreDeps) {
    this.#host = host;
    this.#insecure = insecure || /^(1|true|yes)$/i.test(host.env['CLOUD_INSECURE_STORAGE'] ?? '');
    this.#deps = deps;
  }

  get #path(): string {
    return join(this.#host.places.config, 'secrets.key');
  }

  async existing(where: Sealed['key']): Promise<Buffer> {
    const key = where === 'file' ? await this.#fromFile() : await this.#fromKeychain();
    if (key?.length !== 32) {
      throw new AbortError(
        'secrets-key-missing',
        'The key that opens the stored secrets is gone.',
        {
          exitCode: ExitCode.needsPerson,
          suggestions: [
            `Remove ${join(this.#host.places.config, 'secrets.json')} and run: cloud setup`,
          ],
        },
      );
    }
    return key;
  }

  async forWriting(sealed: Sealed | undefined): Promise<{ key: Buffer; where: Sealed['key'] }> {
    if (sealed !== undefined) return { key: await this.existing(sealed.key), where: sealed.key };
    const chosen = this.#insecure || (await readConfiguration(this.#host)).insecureStorage === true;
    const key = randomBytes(32);
    if (!chosen) {
      try {
        await (await this.#deps.openKeychain()).set(key);
      } catch (error) {
        throw noKeychain(error);
      }
      return { key, where: 'keychain' };
    }
    await updateConfiguration(this.#host, (configuration) => {
      configuration.insecureStorage = true;
    });
    await writeFileAtomic(this.#path, key.toString('base64'));
    return { key, where: 'file' };
  }

  async #fromFile(): Promise<Buffer | undefined> {
    const text = await readTextIfExists(this.#path);
    return text === undefined ? undefined : Buffer.from(text, 'base64');
  }

  async #fromKeychain(): Promise<Buffer | undefined> {
    try {
      return await (await this.#deps.openKeychain()).get();
    } catch (error) {
      throw noKeychain(error);
    }
  }
}

function noKeychain(cause: unknown): AbortError {
  return new AbortError(
    'no-keychain',
    'This system has no keychain that is open, so there is no safe place for your keys.',
    {
      exitCode: ExitCode.needsPerson,
      suggestions: [
        'Unlock or install one (on Linux: gnome-keyring or KWallet), or',
        'accept a key file that only your user can read: --insecure-storage (CLOUD_INSECURE_STORAGE=1)',
      ],
      cause,
    },
  );
}

async function readSealed(file: string): Promise<Sealed | undefined> {
  const text = await readTextIfExists(file);
  if (text === undefined) return undefined;
  try {
    return Sealed.parse(JSON.parse(text));
  } catch (error) {
    throw damaged(file, error);
  }
}

function seal(secrets: Secrets, key: Buffer, where: Sealed['key']): Sealed {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const data = Buffer.concat([cipher.update(JSON.stringify(secrets), 'utf8'), cipher.final()]);
  return {
    version: 1,
    key: where,
    iv: iv.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: data.toString('base64'),
  };
}

function unseal(sealed: Sealed, key: Buffer, file: string): Secrets {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(sealed.iv, 'base64'));
    decipher.setAuthTag(Buffer.from(sealed.tag, 'base64'));
    const clear = Buffer.concat([decipher.update(sealed.data, 'base64'), decipher.final()]);
    return Secrets.parse(JSON.parse(clear.toString('utf8')));
  } catch (error) {
    throw damaged(file, error);
  }
}

function damaged(file: string, cause: unknown): AbortError {
  return new AbortError('secrets-damaged', `${file} cannot be opened with this user's key.`, {
    exitCode: ExitCode.needsPerson,
    suggestions: ['Move the file away and run: cloud setup'],
    cause,
  });
}
