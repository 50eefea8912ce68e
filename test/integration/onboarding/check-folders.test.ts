import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkFolders } from '../../../src/onboarding/check-folders.ts';
import type { Host } from '../../../src/platform/host.ts';
import { updateConfiguration } from '../../../src/session/configuration.ts';
import { foldersOf, rememberFolders } from '../../../src/session/folders.ts';
import { openWorkspace } from '../../support/workspace.ts';

const owner = { contextName: 'acme', tenantId: 't-acme' };

async function person(): Promise<{ host: Host; home: string }> {
  const { host, root } = await openWorkspace();
  const home = join(root, 'home');
  await mkdir(home);
  return { host, home };
}

/** Another context, `name`, with folders of its own. */
async function withContext(host: Host, name: string, sync: string, mount: string): Promise<void> {
  await updateConfiguration(host, (configuration) => {
    const tenant = { id: `t-${name}`, slug: 'acme', name };
    configuration.contexts[name] = { server: 'http://127.0.0.1:1', tenant, account: 'a' };
  });
  await rememberFolders(host, name, { sync, mount, mode: 'both' });
}

describe('checkFolders', () => {
  test('takes folders apart, and makes them absolute', async () => {
    const { host, home } = await person();
    const folders = { sync: join(home, 'x', '..', 'Cloud'), mount: join(home, 'Mount') };
    expect(await checkFolders(host, folders, owner)).toEqual({
      sync: join(home, 'Cloud'),
      mount: join(home, 'Mount'),
    });
    // A name that begins like another is no folder inside it.
    await checkFolders(host, { sync: join(home, 'a'), mount: join(home, 'ab') }, owner);
  });

  test.each<[string, (home: string, host: Host) => [sync: string, mount: string]]>([
    ['one', (home) => [join(home, 'a'), join(home, 'a')]],
    ['one inside the other', (home) => [join(home, 'a'), join(home, 'a', 'b')]],
    ['the same by another way', (home) => [join(home, 'a', 'b'), join(home, 'c', '..', 'a')]],
    ['one inside the other by a link', (home) => [join(home, 'linked', 'x'), join(home, 'real')]],
    ['the home', (home) => [join(home, 'm'), home]],
    ['around our own state', (_home, host) => [join(host.places.state, '..'), '/tmp/elsewhere']],
    ['inside our own cache', (_home, host) => [join(host.places.cache, 'x'), '/tmp/elsewhere']],
    ["another context's folder", (home) => [join(home, 'taken', 'sync', 'deep'), join(home, 'm')]],
    ["another context's mount", (home) => [join(home, 's'), join(home, 'taken')]],
  ])('refuses %s', async (_what, choose) => {
    const { host, home } = await person();
    await mkdir(join(home, 'real'));
    await symlink(join(home, 'real'), join(home, 'linked'));
    await withContext(host, 'other', join(home, 'taken', 'sync'), join(home, 'taken', 'mount'));
    const [sync, mount] = choose(home, host);
    await expect(checkFolders(host, { sync, mount }, owner)).rejects.toMatchObject({
      code: 'folder-overlap',
      exitCode: 2,
    });
  });

  test.each(['darwin', 'win32'] as const)('on %s case makes no difference', async (platform) => {
    const { host, home } = await person();
    const folders = { sync: join(home, 'Cloud'), mount: join(home, 'cloud', 'mount') };
    await checkFolders({ ...host, platform: 'linux' }, folders, owner);
    await expect(checkFolders({ ...host, platform }, folders, owner)).rejects.toMatchObject({
      code: 'folder-overlap',
    });
  });

  test('refuses a file', async () => {
    const { host, home } = await person();
    await writeFile(join(home, 'file'), '');
    const folders = { sync: join(home, 'file'), mount: join(home, 'm') };
    await expect(checkFolders(host, folders, owner)).rejects.toMatchObject({
      code: 'not-a-folder',
    });
  });
});

test('tenants of one name on two servers get folders of their own without being asked', async () => {
  const { host, home } = await person();
  await withContext(host, 'acme', join(home, 'Cloud', 'acme'), join(home, 'CloudMount', 'acme'));
  const tenant = { id: 't-2', slug: 'acme', name: 'Acme' };
  const context = { name: 'acme@cloud:8787', server: 'http://cloud:8787', tenant, account: 'a' };
  const folders = await foldersOf(host, context);
  expect(folders).toEqual({
    sync: join(home, 'Cloud', 'acme@cloud-8787'),
    mount: join(home, 'CloudMount', 'acme@cloud-8787'),
  });
  await checkFolders(host, folders, { contextName: context.name, tenantId: tenant.id });
});
