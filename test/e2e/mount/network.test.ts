import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { STORED } from '../../../src/session/tokens.ts';
import { openSecretStore } from '../../../src/session/secret-store.ts';
import { startBrokenNetwork, type BrokenNetwork } from '../../support/broken-network.ts';
import { mountTest, openMountUser, until, type MountUser } from '../../support/mount-user.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    tenants: ['swallowed', 'cut-fast', 'cut-safe', 'storm-fast', 'storm-safe'],
  });
});
afterAll(() => server.close());
afterEach(() => server.objectStore.faults.clear());

const md5 = (data: string | Buffer): string => createHash('md5').update(data).digest('hex');

/** Somebody who reaches the storage through a network that breaks; the test itself does not. */
async function behindNetwork(slug: string): Promise<MountUser & { network: BrokenNetwork }> {
  const user = await openMountUser(server, slug);
  const network = await startBrokenNetwork(server.objectStore.url);
  const secrets = openSecretStore(user.host);
  const stored = JSON.parse((await secrets.getPassword(STORED.bucketKey, slug)) ?? '') as object;
  const behind = { ...stored, endpoint_url: network.url };
  await secrets.setPassword(STORED.bucketKey, slug, JSON.stringify(behind));
  return { ...user, network };
}

mountTest(
  'a network that swallows everything takes nothing that was saved',
  async () => {
    const user = await behindNetwork('swallowed');
    await user.mount('--profile', 'fast');
    const at = (name: string): string => join(user.folder, name);
    await writeFile(at('before.md'), 'before');
    await until(async () => (await user.bucket.names()).includes('before.md'));
    await user.bucket.put('never-looked-at/file.md', 'theirs');
    await until(async () => (await user.status()).freshness === 'events');
    await user.bucket.put('theirs.md', 'theirs');
    await until(async () => (await readdir(user.folder)).includes('theirs.md'));
    // The listing is new, and so the storage is asked for a file's time when somebody looks at it.
    await stat(at('before.md'));
    user.network.set('swallow');
    await writeFile(at('during.md'), 'during');
    await writeFile(at('before.md'), 'changed during');
    // What is on this disk can be read, the status answers, and an unmount ends when it should.
    expect(await readFile(at('during.md'), 'utf8')).toBe('during');
    expect(await readFile(at('before.md'), 'utf8')).toBe('changed during');
    expect((await user.status()).pending.files.map(({ name }) => name).sort()).toEqual([
      ...['before.md', 'during.md'],
    ]);
    const late = await user.error('unmount', '--timeout', '1');
    expect(late).toMatchObject({ code: 'uploads-pending', exitCode: 13 });
    expect(await user.bucket.text('before.md')).toBe('before');
    // What is not here is waited for, but not for ever.
    await expect(readdir(at('never-looked-at'))).rejects.toThrow('EIO');
    user.network.set('pass');
    expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
    expect(await user.bucket.text('before.md')).toBe('changed during');
    expect(await user.bucket.text('during.md')).toBe('during');
  },
  180_000,
);

for (const profile of ['fast', 'safe']) {
  mountTest(
    `an upload that is cut again and again arrives whole in the end (${profile})`,
    async () => {
      const user = await behindNetwork(`cut-${profile}`);
      await user.bucket.put('large.bin', 'the old one');
      await user.mount('--profile', profile);
      const data = randomBytes(20 * 1024 * 1024);
      user.network.cutAfter(5 * 1024 * 1024);
      await writeFile(join(user.folder, 'large.bin'), data);
      await until(() => user.network.cuts() >= 2);
      expect(await user.bucket.text('large.bin')).toBe('the old one');
      user.network.set('refuse');
      expect((await user.status()).pending.files).toMatchObject([{ name: 'large.bin' }]);
      user.network.set('pass');
      expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
      expect((await user.bucket.etags()).get('large.bin')).toBe(md5(data));
    },
  );

  mountTest(`a storage that fails every fourth time loses nothing (${profile})`, async () => {
    const user = await behindNetwork(`storm-${profile}`);
    await user.mount('--profile', profile);
    const expected = new Map<string, string>();
    const failing = { errorRate: 0.2, cutRate: 0.05, cutAt: ['before', 'reply'], seed: 7 } as const;
    server.objectStore.faults.set({ ...failing, errorCode: 'InternalError' });
    const at = (name: string): string => join(user.folder, name);
    for (let index = 0; index < 12; index += 1) {
      await writeFile(at(`f${index}.md`), `first ${index}`);
      expected.set(`f${index}.md`, `first ${index}`);
      if (index % 3 === 0) {
        await writeFile(at(`f${index}.md`), `second ${index}`);
        expected.set(`f${index}.md`, `second ${index}`);
      }
      if (index % 4 !== 1) continue;
      // A program that is told that a rename failed knows that it has to try again.
      const renamed = await rename(at(`f${index}.md`), at(`g${index}.md`)).then(
        () => true,
        () => false,
      );
      if (!renamed) continue;
      expected.set(`g${index}.md`, expected.get(`f${index}.md`) ?? '');
      expected.delete(`f${index}.md`);
    }
    server.objectStore.faults.clear();
    expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
    for (const [name, text] of expected) expect(await user.bucket.text(name), name).toBe(text);
  });
}
