import { copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { installPrivately } from '../../../src/rclone/install/private-install.ts';
import { currentCopyPath, privateFolder } from '../../../src/rclone/private-copy.ts';
import type { Rclone } from '../../../src/rclone/rclone.ts';
import { updateConfiguration } from '../../../src/session/configuration.ts';
import type { Host } from '../../../src/platform/host.ts';
import { visit } from '../../support/doctor.ts';
import { fakeProgram } from '../../support/fake-program.ts';
import { realRclone } from '../../support/rclone.ts';
import { openWorkspace, type Workspace } from '../../support/workspace.ts';

let user: Workspace;
beforeEach(async () => {
  user = await openWorkspace();
  user.env['PATH'] = join(user.root, 'bin');
  await updateConfiguration(user.host, (configuration) => {
    const tenant = { id: '434252dd-d83b-4b20-bf70-8a950ff875c4', slug: 'acme', name: 'Acme' };
    configuration.contexts['acme'] = { server: 'http://127.0.0.1:9', tenant, account: 'key' };
    configuration.currentContext = 'acme';
  });
});

/** Installs as the product does, from the rclone that is at hand instead of the network. */
async function installRclone(host: Host, signal: AbortSignal): Promise<Rclone> {
  const { path } = await realRclone();
  const context = { host, arch: process.arch, mirror: undefined, newerThan: undefined, signal };
  return installPrivately({ ...context, report: () => undefined }, async (binary) => {
    await copyFile(path, binary);
    return 'a test';
  });
}

test('a missing rclone is installed; a broken copy of ours is replaced', async () => {
  const missing = await visit(user.host);
  expect(missing.of('rclone')).toMatchObject([
    { level: 'failure', exitCode: 12, cure: { command: 'cloud rclone install' } },
  ]);
  expect(missing.of('mounting')).toMatchObject([{ level: 'skipped' }]);
  const installed = await visit(user.host, { fix: true }, { installRclone });
  expect(installed.of('rclone')).toMatchObject([{ level: 'ok' }]);
  expect(installed.fixed[0]?.did).toContain(privateFolder(user.host));
  const [first] = installed.of('rclone');
  const binary = /: (\/.*)$/.exec(first?.summary ?? '')?.[1] ?? '';
  await writeFile(binary, '#!/bin/sh\nexit 9\n');
  const broken = await visit(user.host);
  expect(broken.of('rclone')).toMatchObject([{ level: 'failure', exitCode: 12 }]);
  expect(broken.of('rclone')[0]?.summary).toContain('ended with exit code 9');
  const mended = await visit(user.host, { fix: true }, { installRclone });
  expect(mended.of('rclone')).toMatchObject([{ level: 'ok' }]);
});

test('what is remembered of a binary is not believed', async () => {
  await installRclone(user.host, new AbortController().signal);
  expect((await visit(user.host)).of('rclone')).toMatchObject([{ level: 'ok' }]);
  await writeFile(join(user.host.places.state, 'rclone-probe.json'), '{"binaries": nonsense');
  expect((await visit(user.host)).of('rclone')).toMatchObject([{ level: 'ok' }]);
  await rm(currentCopyPath(user.host));
  expect((await visit(user.host)).of('rclone')).toMatchObject([{ level: 'failure' }]);
});

test('an rclone that a person named and that is too old is theirs to change', async () => {
  const old = await fakeProgram(join(user.root, 'old'), 'rclone', 'echo "rclone v1.60.1-DEV"');
  const host = { ...user.host, env: { ...user.env, CLOUD_RCLONE: old } };
  const seen = await visit(host, { fix: true }, { installRclone });
  expect(seen.fixed).toEqual([]);
  expect(seen.of('rclone')).toMatchObject([{ level: 'failure', exitCode: 12 }]);
  expect(seen.of('rclone')[0]?.summary).toContain('1.60.1 is older than');
});

test('before set-up a missing rclone is nothing that a person must care about', async () => {
  await rm(join(user.host.places.config, 'config.json'));
  const seen = await visit(user.host);
  expect(seen.exitCode).toBe(10);
  expect(seen.of('rclone')).toMatchObject([{ level: 'warning', cure: { command: 'cloud setup' } }]);
});
