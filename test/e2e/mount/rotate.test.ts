import { open, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { rotateBucketKey } from '../../../src/access/rotate-credential.ts';
import { openSession } from '../../../src/session/open.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { openDatabaseOf } from '../../support/test-databases.ts';
import { mountTest, openMountUser, until, type MountUser } from '../../support/mount-user.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['safe', 'fast', 'held', 'cut', 'late'] });
});
afterAll(() => server.close());

const activeKeys = async ({ api }: MountUser): Promise<string[]> =>
  (await api.listMountCredentials()).credentials.map(({ id }) => id);

interface Rotated {
  id: string;
  replaced: { id: string; revoked: boolean };
  still_in_use_by: string[];
}

async function saveOnMount(folder: string, name: string, text: string): Promise<boolean> {
  try {
    const [here, above] = await Promise.all([stat(folder), stat(dirname(folder))]);
    if (here.dev === above.dev) return false;
    await writeFile(join(folder, name), text);
    return true;
  } catch {
    return false;
  }
}

for (const profile of ['safe', 'fast'] as const) {
  mountTest(
    `a ${profile} mount goes on uploading while its key is rotated`,
    async () => {
      const user = await openMountUser(server, profile);
      const { credentialId: old, rclone } = await user.mount('--profile', profile);
      // Saves before, during and after; each must arrive, whichever key carries it.
      const saved: string[] = [];
      const stop = new AbortController();
      const saving = (async () => {
        for (let index = 0; !stop.signal.aborted; index += 1) {
          const name = `note-${index}.md`;
          // Where rclone is started anew there is a moment without the mount, in which a save fails
          // and is repeated. Root, whom the folder underneath does not refuse, has to look.
          await until(() => saveOnMount(user.folder, name, `text ${index}`));
          saved.push(name);
          await new Promise((resolve) => setTimeout(resolve, 400));
          // Long enough for a moment in which nothing waits.
          if (index % 3 === 2) await until(async () => (await user.bucket.names()).includes(name));
        }
      })();
      await until(() => saved.length > 2);
      const run = await user.cloud('credentials', 'rotate', '--wait', '120', '--json');
      expect(run.exitCode, run.stderr).toBe(0);
      const [rotated] = JSON.parse(run.stdout) as [Rotated];
      const before = saved.length;
      await until(() => saved.length > before + 1);
      stop.abort();
      await saving;

      expect(rotated.replaced).toEqual({ id: old, revoked: true });
      expect(user.record().credentialId).toBe(rotated.id);
      expect(await activeKeys(user)).not.toContain(old);
      // What stands between rclone and the storage changes keys without rclone noticing.
      expect(user.record().rclone!.pid === rclone!.pid).toBe(profile === 'safe');
      expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
      for (const [index, name] of saved.entries()) {
        expect(await user.bucket.text(name), name).toBe(`text ${index}`);
      }
    },
    240_000,
  );
}

mountTest(
  'a mount with an open file keeps its key; run again, the rotation goes on',
  async () => {
    const user = await openMountUser(server, 'held');
    const { credentialId: old } = await user.mount('--profile', 'fast');
    const file = await open(join(user.folder, 'open.md'), 'w');
    await file.write('half');
    const first = await user.cloud('credentials', 'rotate', '--wait', '1', '--json');
    expect(first.exitCode, first.stderr).toBe(3);
    const [held] = JSON.parse(first.stdout) as [Rotated];
    expect(held).toMatchObject({
      replaced: { id: old, revoked: false },
      still_in_use_by: [user.folder],
    });
    expect(await activeKeys(user)).toEqual(expect.arrayContaining([old, held.id]));
    await file.write(' and half');
    await file.close();
    const second = await user.cloud('credentials', 'rotate', '--wait', '120', '--json');
    expect(second.exitCode, second.stderr).toBe(0);
    // No third key: what was begun was finished.
    expect(JSON.parse(second.stdout)).toMatchObject([
      { id: held.id, replaced: { id: old, revoked: true } },
    ]);
    expect(await activeKeys(user)).not.toContain(old);
    await user.cloud('unmount');
    expect(await user.bucket.text('open.md')).toBe('half and half');
  },
  240_000,
);

test('cut off at any step, a rotation is finished by the next and leaves one key', async () => {
  const user = await openMountUser(server, 'cut');
  const theirs = (await activeKeys(user)).length;
  for (const cutAt of ['issued', 'verified', 'stored', 'switched'] as const) {
    const session = await openSession(user.host, {});
    const cut = rotateBucketKey(session, {
      ...{ host: user.host, signal: new AbortController().signal },
      switchUsers: () => Promise.resolve([]),
      report: (step) => {
        if (step === cutAt) throw new Error(`cut at ${cutAt}`);
      },
    });
    await expect(cut).rejects.toThrow(cutAt);
    const again = await user.cloud('credentials', 'rotate');
    expect(again.exitCode, again.stderr).toBe(0);
    expect(await activeKeys(user), cutAt).toHaveLength(theirs);
    // The one that is stored is the one that is left.
    expect(await user.cloud('bisync', '--path', join(user.root, 'sync'))).toMatchObject({
      exitCode: 0,
    });
  }
}, 120_000);

test('a successor that was not confirmed in time is followed by one for the key before it', async () => {
  const user = await openMountUser(server, 'late');
  const session = await openSession(user.host, {});
  const theirs = (await activeKeys(user)).length;
  const first = await rotateBucketKey(session, {
    ...{ host: user.host, signal: new AbortController().signal },
    switchUsers: () => Promise.resolve(['a mount']),
  });
  expect(first.replaced.revoked).toBe(false);
  const db = await openDatabaseOf(server);
  onTestFinished(() => db.destroy());
  const row = await db
    .selectFrom('tenant_mount_credentials')
    .select(['created_at', 'confirm_by'])
    .where('id', '=', first.id)
    .executeTakeFirstOrThrow();
  expect(Date.parse(row.confirm_by!) - Date.parse(row.created_at)).toBe(3_600_000);
  // As the server does when that time is over.
  await user.api.revokeMountCredential(first.id);
  const again = await user.cloud('credentials', 'rotate', '--json');
  expect(again.exitCode, again.stderr).toBe(0);
  expect(JSON.parse(again.stdout)).toMatchObject([
    { replaced: { id: first.replaced.id, revoked: true } },
  ]);
  expect(await activeKeys(user)).toHaveLength(theirs);
});

test('a bucket that refuses the new key leaves the old one in use', async () => {
  const user = await openMountUser(server, 'cut');
  const session = await openSession(user.host, {});
  const before = await session.bucketAccess();
  const refused = rotateBucketKey(session, {
    host: { ...user.host, clock: { now: Date.now, sleep: () => Promise.resolve() } },
    signal: new AbortController().signal,
    switchUsers: () => Promise.reject(new Error('must not come so far')),
    tryKey: () => Promise.reject(new Error('403')),
  });
  await expect(refused).rejects.toMatchObject({ code: 'new-key-refused', exitCode: 5 });
  expect(await session.bucketAccess()).toEqual(before);
  expect(await activeKeys(user)).toContain(before.credentialId);
});
