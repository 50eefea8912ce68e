import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import type { Keychain } from '../../../src/session/keychain.ts';
import { openSecretStore } from '../../../src/session/secret-store.ts';
import { openWorkspace } from '../../support/workspace.ts';

const source = new URL('../../../src/session/secret-store.ts', import.meta.url).href;
const hosts = new URL('../../../src/platform/host.ts', import.meta.url).href;

/** A keychain that works, for machines that have none. */
function memoryKeychain(): {
  open: (item: string) => Promise<Keychain>;
  held: () => Buffer[];
} {
  const items = new Map<string, Buffer>();
  return {
    held: () => [...items.values()],
    open: (item) =>
      Promise.resolve({
        get: () => Promise.resolve(items.get(item)),
        set: (key) => {
          items.set(item, key);
          return Promise.resolve();
        },
      }),
  };
}

const noKeychain = (): Promise<Keychain> => Promise.reject(new Error('no D-Bus here'));

describe('the secret store', () => {
  test("keeps keytar's interface and holds no secret in clear", async () => {
    const { host } = await openWorkspace();
    delete host.env['CLOUD_INSECURE_STORAGE'];
    const keychain = memoryKeychain();
    const store = openSecretStore(host, {}, { openKeychain: keychain.open });
    expect(await store.getPassword('s', 'a')).toBeNull();
    expect(await store.deletePassword('s', 'a')).toBe(false);
    await store.setPassword('s', 'a', 'first secret value');
    await store.setPassword('s', 'b', 'second secret value');
    await store.setPassword('t', 'a', 'third secret value');
    expect(await store.getPassword('s', 'a')).toBe('first secret value');
    expect(await store.findPassword('t')).toBe('third secret value');
    expect(await store.findCredentials('s')).toEqual([
      { account: 'a', password: 'first secret value' },
      { account: 'b', password: 'second secret value' },
    ]);
    expect(await store.deletePassword('s', 'a')).toBe(true);
    expect(await store.getPassword('s', 'a')).toBeNull();

    expect(keychain.held().map(({ length }) => length)).toEqual([32]);
    expect(await readdir(host.places.config)).toEqual(['secrets.json']);
    const file = join(host.places.config, 'secrets.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).not.toContain('secret value');
  });

  test('without a keychain nothing is stored until a person chooses a key file', async () => {
    const { host } = await openWorkspace();
    delete host.env['CLOUD_INSECURE_STORAGE'];
    const refused = openSecretStore(host, {}, { openKeychain: noKeychain });
    await expect(refused.setPassword('s', 'a', 'a secret')).rejects.toMatchObject({
      code: 'no-keychain',
      exitCode: 78,
    });
    expect(await readdir(host.places.config)).toEqual([]);

    const chosen = openSecretStore(host, { insecureStorage: true }, { openKeychain: noKeychain });
    await chosen.setPassword('s', 'a', 'a secret');
    expect((await stat(join(host.places.config, 'secrets.key'))).mode & 0o777).toBe(0o600);
    // The choice is remembered: the next process need not be told.
    const later = openSecretStore(host, {}, { openKeychain: noKeychain });
    expect(await later.getPassword('s', 'a')).toBe('a secret');
  });

  test('a locked keychain is an error, never an empty store', async () => {
    const { host } = await openWorkspace();
    delete host.env['CLOUD_INSECURE_STORAGE'];
    const keychain = memoryKeychain();
    await openSecretStore(host, {}, { openKeychain: keychain.open }).setPassword('s', 'a', 'kept');
    const locked = openSecretStore(host, { insecureStorage: true }, { openKeychain: noKeychain });
    await expect(locked.getPassword('s', 'a')).rejects.toMatchObject({ code: 'no-keychain' });
    await expect(locked.setPassword('s', 'b', 'other')).rejects.toMatchObject({
      code: 'no-keychain',
    });
    const open = openSecretStore(host, {}, { openKeychain: keychain.open });
    expect(await open.getPassword('s', 'a')).toBe('kept');
  });

  test("two homes on one machine do not take each other's key", async () => {
    const keychain = memoryKeychain();
    const homes = [await openWorkspace(), await openWorkspace()].map(({ host }) => host);
    for (const host of homes) delete host.env['CLOUD_INSECURE_STORAGE'];
    const [one, two] = homes.map((host) =>
      openSecretStore(host, {}, { openKeychain: keychain.open }),
    );
    await one!.setPassword('s', 'a', 'of one');
    await two!.setPassword('s', 'a', 'of two');
    expect(await one!.getPassword('s', 'a')).toBe('of one');
    expect(await two!.getPassword('s', 'a')).toBe('of two');
  });

  test('a person who is asked decides; no means that nothing is stored', async () => {
    const { host } = await openWorkspace();
    delete host.env['CLOUD_INSECURE_STORAGE'];
    const asked: string[] = [];
    const store = (answer: boolean) =>
      openSecretStore(
        host,
        {
          agreeToFile: (why) => {
            asked.push(why);
            return Promise.resolve(answer);
          },
        },
        { openKeychain: noKeychain },
      );
    await expect(store(false).prepare()).rejects.toMatchObject({ code: 'no-keychain' });
    expect(await readdir(host.places.config)).toEqual([]);
    expect(await store(true).prepare()).toBeUndefined();
    expect(asked).toHaveLength(2);
    const later = openSecretStore(host, {}, { openKeychain: noKeychain });
    await later.setPassword('s', 'a', 'a secret');
    expect(await later.place()).toBe('file');
  });

  test('an altered file is refused and left as it is', async () => {
    const { host } = await openWorkspace();
    const store = openSecretStore(host);
    await store.setPassword('s', 'a', 'a secret');
    const file = join(host.places.config, 'secrets.json');
    const sealed = JSON.parse(await readFile(file, 'utf8')) as { data: string };
    const data = Buffer.from(sealed.data, 'base64');
    data.writeUInt8(data.readUInt8(0) ^ 1, 0);
    const altered = JSON.stringify({ ...sealed, data: data.toString('base64') });
    await writeFile(file, altered);
    await expect(store.getPassword('s', 'a')).rejects.toMatchObject({ code: 'secrets-damaged' });
    await expect(store.setPassword('s', 'b', 'more')).rejects.toMatchObject({ exitCode: 78 });
    expect(await readFile(file, 'utf8')).toBe(altered);
  });

  test('what several processes store at once is all there', async () => {
    const { host, env } = await openWorkspace();
    const script = (name: string): string => `
      import { openSecretStore } from ${JSON.stringify(source)};
      import { currentHost } from ${JSON.stringify(hosts)};
      const store = openSecretStore(currentHost());
      for (let i = 0; i < 5; i += 1) await store.setPassword('s', ${JSON.stringify(name)} + i, 'value ' + i);`;
    await Promise.all(
      ['x', 'y', 'z'].map((name) =>
        execa(process.execPath, ['--input-type=module', '-e', script(name)], {
          env,
          extendEnv: false,
        }),
      ),
    );
    expect(await openSecretStore(host).findCredentials('s')).toHaveLength(15);
  });
});
