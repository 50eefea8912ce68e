import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readTextIfExists, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { readConfiguration, updateConfiguration } from './configuration.ts';
import { isLocked, openKeychain, type Keychain } from './keychain.ts';

export interface KeySourceDeps {
  openKeychain: (account: string) => Promise<Keychain>;
}

/** Where the key that opens the secrets lies. */
export interface KeyPlace {
  where: 'keychain' | 'file';
  /** Which item of the keychain: each file of secrets has its own, so that none takes another's. */
  item?: string | undefined;
}

export interface KeyChoice {
  /** `--insecure-storage`: the key in a file. `CLOUD_INSECURE_STORAGE` says the same. */
  insecureStorage?: boolean;
  /**
   * Asks a person whether the key may lie in a file, where there is no keychain that is open and no
   * secrets are stored yet. `why` says what is wrong with the keychain.
   */
  agreeToFile?: ((why: string) => Promise<boolean>) | undefined;
}

/** Finds or makes the 32-byte key, in the keychain or in the file that a person chose instead. */
export class KeySource {
  readonly #host: Host;
  readonly #choice: KeyChoice;
  readonly #deps: KeySourceDeps;
  #startsAnew = false;
  constructor(host: Host, choice: KeyChoice, deps: KeySourceDeps = { openKeychain }) {
    this.#host = host;
    this.#choice = choice;
    this.#deps = deps;
  }

  get #path(): string {
    return join(this.#host.places.config, 'secrets.key');
  }

  /** The key of secrets that are stored. @throws AbortError `no-keychain`, `secrets-key-missing` (78) */
  async existing({ where, item }: KeyPlace): Promise<Buffer> {
    const key = where === 'file' ? await this.#fromFile() : await this.#fromKeychain(item);
    if (key?.length === 32) return key;
    throw new AbortError('secrets-key-missing', 'The key that opens the stored secrets is gone.', {
      exitCode: ExitCode.needsPerson,
      suggestions: [
        `Remove ${join(this.#host.places.config, 'secrets.json')} and run: cloud setup`,
      ],
    });
  }

  /**
   * The key to seal with. Stored secrets keep theirs, unless a person has chosen another place
   * meanwhile; then they are opened with the old one first, which `existing` has done.
   *
   * @throws AbortError `no-keychain` (78) when there is no keychain and nobody chose a file
   */
  async forWriting(stored: KeyPlace | undefined): Promise<KeyPlace & { key: Buffer }> {
    const chosen = await this.#chosen();
    if (stored !== undefined && (chosen === undefined || chosen === stored.where)) {
      return { ...stored, key: await this.existing(stored) };
    }
    if (chosen === 'file') return this.#newFile();
    try {
      return await this.#newItem();
    } catch (error) {
      const why = isLocked(error) ? 'The keychain is locked.' : 'There is no keychain here.';
      if (stored !== undefined || (await this.#choice.agreeToFile?.(why)) !== true) {
        throw noKeychain(error);
      }
      return this.#newFile();
    }
  }

  /** Whether a person would rather begin with a key file than wait for a keychain that does not open. */
  async mayStartAnew(error: unknown): Promise<boolean> {
    if (!(error instanceof AbortError) || error.code !== 'no-keychain') return false;
    const agreed =
      this.#choice.insecureStorage === true ||
      (await this.#choice.agreeToFile?.(`${error.message} What is stored would be put aside.`));
    if (agreed !== true) return false;
    this.#startsAnew = true;
    return true;
  }

  /** Undefined: nobody said anything, so the keychain, or wherever the secrets are now. */
  async #chosen(): Promise<KeyPlace['where'] | undefined> {
    const fromEnvironment = this.#host.env['CLOUD_INSECURE_STORAGE'] ?? '';
    const now =
      this.#startsAnew ||
      this.#choice.insecureStorage === true ||
      /^(1|true|yes)$/i.test(fromEnvironment);
    if (now) return 'file';
    const { insecureStorage } = await readConfiguration(this.#host);
    if (insecureStorage === undefined) return undefined;
    return insecureStorage ? 'file' : 'keychain';
  }

  async #newItem(): Promise<KeyPlace & { key: Buffer }> {
    const key = randomBytes(32);
    const item = `secrets-key-${randomBytes(8).toString('hex')}`;
    await (await this.#deps.openKeychain(item)).set(key);
    return { key, where: 'keychain', item };
  }

  async #newFile(): Promise<KeyPlace & { key: Buffer }> {
    await updateConfiguration(this.#host, (configuration) => {
      configuration.insecureStorage = true;
    });
    const key = randomBytes(32);
    await writeFileAtomic(this.#path, key.toString('base64'));
    return { key, where: 'file' };
  }

  /** Of no use once the secrets are sealed with the keychain's. */
  async removeFile(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  async #fromFile(): Promise<Buffer | undefined> {
    const text = await readTextIfExists(this.#path);
    return text === undefined ? undefined : Buffer.from(text, 'base64');
  }

  async #fromKeychain(item = 'secrets-key'): Promise<Buffer | undefined> {
    try {
      return await (await this.#deps.openKeychain(item)).get();
    } catch (error) {
      throw noKeychain(error);
    }
  }
}

function noKeychain(cause: unknown): AbortError {
  const locked = isLocked(cause);
  return new AbortError(
    'no-keychain',
    locked
      ? 'The keychain is locked, so your keys cannot be reached.'
      : 'This system has no keychain that is open, so there is no safe place for your keys.',
    {
      exitCode: ExitCode.needsPerson,
      suggestions: [
        locked
          ? 'Unlock it (it opens when you log in to the desktop), or'
          : 'Unlock or install one (on Linux: gnome-keyring or KWallet), or',
        'accept a key file that only your user can read: --insecure-storage (CLOUD_INSECURE_STORAGE=1)',
      ],
      details: { locked },
      cause,
    },
  );
}
