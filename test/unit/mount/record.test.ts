import fc from 'fast-check';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { resolveMountPoint } from '../../../src/mount/mount-point.ts';
import { overlap } from '../../../src/platform/paths.ts';
import { findProfile } from '../../../src/mount/profiles.ts';
import { findMount, parseMountInfo, parseMountOutput } from '../../../src/mount/mount-table.ts';
import { mountFolders, mountId } from '../../../src/mount/identity.ts';
import { parseLsof } from '../../../src/mount/open-files.ts';
import {
  listRecords,
  readRecord,
  writeRecord,
  type MountRecord,
} from '../../../src/mount/record.ts';
import { mountStatus } from '../../../src/mount/status.ts';
import { openWorkspace } from '../../support/workspace.ts';

const record = (id: string): MountRecord => ({
  ...{ version: 1, id, nonce: 'n', context: 'acme', server: 'http://127.0.0.1:1' },
  ...{ tenant: { id: 't', slug: 'acme' }, bucket: 'b', path: '/m', profile: 'fast' },
  settings: findProfile('fast'),
  ...{ credentialId: null, credentialExpiresAt: null, readOnly: false, state: 'unmounted' },
  tells: false,
  since: '2026-11-22T10:00:00.000Z',
  ...{ supervisor: null, control: null, rclone: null, adapter: null, problem: null, recovered: [] },
});

test('a state file that cannot be understood is as good as none', async () => {
  const { host } = await openWorkspace();
  await writeRecord(host.places, record('good'));
  const { record: path } = mountFolders(host.places, 'bad');
  await mkdir(dirname(path), { recursive: true });
  const whole = JSON.stringify(record('bad'));
  const spoilt = fc.oneof(
    fc.string(),
    fc.json(),
    fc.nat({ max: whole.length - 1 }).map((length) => whole.slice(0, length)),
    fc
      .tuple(fc.constantFrom(...Object.keys(record('bad'))), fc.constantFrom(1.5, '\0', [], {}))
      .map(([key, value]) => JSON.stringify({ ...record('bad'), [key]: value, version: 2 })),
  );
  await fc.assert(
    fc.asyncProperty(spoilt, async (text) => {
      await writeFile(path, text);
      expect(readRecord(host.places, 'bad')).toBeUndefined();
      expect(listRecords(host.places).map(({ id }) => id)).toEqual(['good']);
      expect(await mountStatus(host)).toMatchObject([{ id: 'good', state: 'unmounted' }]);
    }),
    { numRuns: 60 },
  );
});

test('a mount is named after its bucket, not its folder, and apart from every other', () => {
  const access = { server: 'https://a', tenant: { id: '1', slug: 'acme' }, bucket: 'b' };
  expect(mountId(access)).toBe(mountId({ ...access }));
  expect(mountId(access)).toMatch(/^acme-[0-9a-f]{10}$/);
  for (const other of [
    { server: 'https://b' },
    { bucket: 'c' },
    { tenant: { id: '2', slug: 'acme' } },
  ]) {
    expect(mountId({ ...access, ...other })).not.toBe(mountId(access));
  }
  expect(mountId({ ...access, tenant: { id: '1', slug: '../../etc' } })).not.toContain('/');
});

test.each([
  ['/a', '/a', true],
  ['/a', '/a/b', true],
  ['/a/b', '/a', true],
  ['/', '/a', true],
  ['/a', '/ab', false],
  ['/a/b', '/a/c', false],
])('%s and %s overlap: %s', (a, b, expected) => {
  expect(overlap(a, b)).toBe(expected);
});

test('a folder that does not exist yet resolves through the links above it', async () => {
  const { root } = await openWorkspace();
  const { symlink, realpath } = await import('node:fs/promises');
  await mkdir(join(root, 'real'));
  await symlink(join(root, 'real'), join(root, 'link'));
  expect(await resolveMountPoint(join(root, 'link/new/deep'))).toBe(
    join(await realpath(root), 'real/new/deep'),
  );
});

test('the tables of Linux and macOS are read, odd names included', () => {
  const linux = parseMountInfo(
    [
      '26 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
      '90 26 0:50 / /home/a\\040b/m\\134n rw,nosuid shared:2 master:1 - fuse.rclone cloud:b rw',
      '91 90 0:51 / /home/a\\040b/m\\134n rw - tmpfs tmpfs rw',
      'garbage',
      '',
    ].join('\n'),
  );
  expect(linux).toHaveLength(3);
  // The one that was mounted last is on top.
  expect(findMount(linux, '/home/a b/m\\n')).toEqual({ path: '/home/a b/m\\n', type: 'tmpfs' });
  expect(findMount(linux, '/home')).toBeUndefined();
  const mac = parseMountOutput(
    'localhost:/cloud on /Users/me/Cloud (x) (nfs, nodev, nosuid, mounted by me)\n/dev/disk1 on / (apfs, local)\n',
  );
  expect(mac).toEqual([
    { path: '/Users/me/Cloud (x)', type: 'nfs' },
    { path: '/', type: 'apfs' },
  ]);
});

test("lsof's lines become files with their processes", () => {
  expect(parseLsof('p12\ncvim\nfcwd\nn/m\nf3\nn/m/a b.md\np13\nczsh\nfcwd\nn/m/d\n')).toEqual([
    { pid: 12, command: 'vim', path: '/m' },
    { pid: 12, command: 'vim', path: '/m/a b.md' },
    { pid: 13, command: 'zsh', path: '/m/d' },
  ]);
  expect(parseLsof('')).toEqual([]);
});
