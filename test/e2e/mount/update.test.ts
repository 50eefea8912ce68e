import { copyFile, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { installRclone } from '../../../src/rclone/install/install.ts';
import { installPrivately } from '../../../src/rclone/install/private-install.ts';
import type { InstallStep } from '../../../src/rclone/install/step.ts';
import { realRclone } from '../../support/rclone.ts';
import { isMounted, kill, mountTest, openMountUser, until } from '../../support/mount-user.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['update'] });
});
afterAll(() => server.close());

/** The real binary as a private copy, without a download. */
async function copyOfReal(): Promise<InstallStep> {
  const { path } = await realRclone();
  return {
    method: 'official',
    title: 'a copy',
    byHand: undefined,
    unusable: () => Promise.resolve(undefined),
    install: (context) =>
      installPrivately(context, async (binary) => {
        await copyFile(path, binary);
        return 'test';
      }),
  };
}

mountTest(
  'a mount goes on over an update of rclone, and starts again with the new one',
  async () => {
    const user = await openMountUser(server, 'update');
    delete user.env['CLOUD_RCLONE'];
    const deps = { steps: [await copyOfReal()] };
    const install = async (): Promise<string> =>
      (await installRclone({ method: 'official' }, user.host, () => undefined, deps)).rclone.path;
    const old = await install();
    const before = await user.mount();
    expect(before.rclone).toMatchObject({ path: old });
    await writeFile(join(user.folder, 'a.md'), 'before');

    const next = await install();
    await expect(stat(old)).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(join(user.folder, 'b.md'), 'after');
    expect(await readFile(join(user.folder, 'a.md'), 'utf8')).toBe('before');
    expect(user.record().rclone).toMatchObject({ pid: before.rclone!.pid });

    await kill(user.record().rclone!);
    await until(() => user.record().rclone?.path === next && user.record().state === 'mounted');
    expect(await isMounted(user.folder)).toBe(true);
    await writeFile(join(user.folder, 'c.md'), 'again');
    expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
    expect((await user.bucket.names()).filter((name) => name.endsWith('.md'))).toEqual([
      ...['a.md', 'b.md', 'c.md'],
    ]);
  },
);
