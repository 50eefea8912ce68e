import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod/mini';
import {
  ensurePrivateFolder,
  readTextIfExists,
  replaceFile,
  writeFileAtomic,
} from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { acquireLock } from '../platform/lock.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';
import { KeySource, type KeyChoice, type KeyPlace, type KeySourceDeps } from './key-source.ts';

/** keytar's interface, over a file that only a key from the keychain opens. */
export interface SecretStore {
  getPassword(service: string, account: string): Promise<string | null>;
  setPassword(service: string, account: string, password: string): Promise<void>;
  deletePassword(service: string, account: string): Promise<boolean>;
  findPassword(service: string): Promise<string | null>;
  findCredentials(service: string): Promise<{ account: string; password: string }[]>;
  /**
   * Sees that something can be stored before a person goes to the trouble of signing in. Secrets
   * behind a keychain that does not open are put aside, once a person agrees; where, is returned.
   *
   * @throws AbortError `no-keychain`, `secrets-damaged`, `secrets-key-missing` (78)
   */
  prepare(): Promise<string | undefined>;
  /** Where the key of what is stored lies. Opens nothing. */
  place(): Promise<'keychain' | 'file' | 'none'>;
}

const Sealed = z.object({
  version: z.literal(1),
  /** Where the key lies, and which item of the keychain it is. */
  key: z.enum(['keychain', 'file']),
  item: z.optional(z.string()),
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
  choice: KeyChoice = {},
  deps?: KeySourceDeps,
): SecretStore {
  const file = join(host.places.config, 'secrets.json');
  const keys = new KeySource(host, choice, deps);

  const read = async (): Promise<Secrets> => {
    const sealed = await readSealed(file);
    if (sealed === undefined) return {};
    const key = await keys.existing(placeOf(sealed));
    const secrets = unseal(sealed, key, file);
    for (const accounts of Object.values(secrets)) Object.values(accounts).forEach(registerSecret);
    return secrets;
  };
  const locked = async <T>(work: () => Promise<T>): Promise<T> => {
    await ensurePrivateFolder(host.places.config);
    const lock = await acquireLock(join(host.places.state, 'locks', 'secrets.lock'), {
      command: 'change of the stored secrets',
      waitMs: 10_000,
      clock: host.clock,
    });
    try {
      return await work();
    } finally {
      lock.release();
    }
  };
  const write = async (secrets: Secrets): Promise<void> => {
    const sealed = await readSealed(file);
    const { key, ...place } = await keys.forWriting(sealed && placeOf(sealed));
    await writeFileAtomic(file, `${JSON.stringify(seal(secrets, key, place))}\n`);
    if (place.where === 'keychain') await keys.removeFile();
  };
  const change = <T>(edit: (secrets: Secrets) => T): Promise<T> =>
    locked(async () => {
      const secrets = await read();
      const result = edit(secrets);
      await write(secrets);
      return result;
    });
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
    prepare: () =>
      locked(async () => {
        const [secrets, aside] = await read()
          .then((found) => [found, undefined] as const)
          .catch(async (error: unknown) => [{}, await putAside(file, keys, error)] as const);
        await write(secrets);
        return aside;
      }),
    place: async () => (await readSealed(file))?.key ?? 'none',
  };
}

/** Moved, never removed: the keychain may open again. @throws `error` when nobody agrees */
async function putAside(file: string, keys: KeySource, error: unknown): Promise<string> {
  if (!(await keys.mayStartAnew(error))) throw error;
  const aside = file.replace(/\.json$/, `.locked-${randomBytes(4).toString('hex')}.json`);
  await replaceFile(file, aside);
  return aside;
}

function placeOf({ key, item }: Sealed): KeyPlace {
  return { where: key, item };
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

function seal(secrets: Secrets, key: Buffer, { where, item }: KeyPlace): Sealed {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const data = Buffer.concat([cipher.update(JSON.stringify(secrets), 'utf8'), cipher.final()]);
  return {
    version: 1,
    key: where,
    ...(item === undefined ? {} : { item }),
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
