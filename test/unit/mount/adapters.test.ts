import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  adapterOf,
  chooseAdapter,
  vfsOptions,
  type Machine,
  type MountAdapter,
} from '../../../src/mount/adapters.ts';
import { checkFreeMountPoint, resolveMountPoint } from '../../../src/mount/mount-point.ts';
import { mountRequest } from '../../../src/mount/serve.ts';
import { openVfs } from '../../../src/mount/vfs.ts';
import { openWorkspace } from '../../support/workspace.ts';
import { findProfile, mountProfiles, MOUNT_PROFILES } from '../../../src/mount/profiles.ts';

const everything: Machine = {
  platform: 'linux',
  isRoot: true,
  capabilities: { mount: true, nfsmount: true },
  fuseDevice: true,
  fusermount: true,
  mountNfs: true,
  winfsp: true,
};

describe('the way a machine mounts', () => {
  const bounded = ['soft', 'intr', 'timeo=20', 'retrans=2'];
  test.each([
    [
      'Linux with FUSE',
      {},
      [
        'fuse',
        ['mount', 'mount2'],
        {},
        [
          ['fusermount3', '-uz', '/m'],
          ['fusermount', '-uz', '/m'],
          ['umount', '-l', '/m'],
        ],
      ],
    ],
    [
      'Linux without /dev/fuse, as root',
      { fuseDevice: false },
      [
        'nfs',
        ['nfsmount'],
        { ExtraOptions: [...bounded, 'nolock'] },
        [['umount', '-f', '-l', '/m']],
      ],
    ],
    [
      'macOS',
      { platform: 'darwin', isRoot: false, fuseDevice: false, fusermount: false },
      ['nfs', ['nfsmount'], { ExtraOptions: [...bounded, 'nolocks'] }, [['umount', '-f', '/m']]],
    ],
    [
      'Windows with WinFsp',
      { platform: 'win32', fuseDevice: false },
      ['winfsp', ['cmount', 'mount'], { NetworkMode: false }, []],
    ],
  ] as const)('%s', (_what, differs, [kind, mountTypes, mountOptions, detach]) => {
    const adapter = chooseAdapter({ ...everything, ...differs });
    const onFolder = (each: MountAdapter): object => ({
      ...{ ...each, detach: each.detach('/m'), mountOptions: each.mountOptions('/m') },
    });
    expect(onFolder(adapter)).toMatchObject({
      ...{ kind, mountTypes, mountOptions, detach },
      wantsFolder: kind !== 'winfsp',
    });
    // A record of it is enough to end it where nothing can be probed any more.
    const platform = 'platform' in differs ? differs.platform : 'linux';
    const again = adapterOf({ kind, reason: adapter.reason }, platform);
    expect(onFolder(again)).toEqual(onFolder(adapter));
  });

  test.each([
    ['no FUSE and not root', { fuseDevice: false, isRoot: false }, 13, '/dev/fuse'],
    ['no FUSE and no mount.nfs', { fuseDevice: false, mountNfs: false }, 13, '/dev/fuse'],
    ['no fusermount3', { fusermount: false, isRoot: false }, 13, 'fusermount3'],
    [
      'an rclone that cannot mount',
      { capabilities: { mount: false, nfsmount: false } },
      13,
      'cannot mount',
    ],
    [
      'macOS with an rclone without nfsmount',
      { platform: 'darwin', capabilities: { mount: false, nfsmount: false } },
      12,
      'cannot mount',
    ],
    ['Windows without WinFsp', { platform: 'win32', winfsp: false }, 13, 'WinFsp'],
  ] as const)('%s is told with what to do', (_what, differs, exitCode, words) => {
    let thrown: unknown;
    try {
      chooseAdapter({ ...everything, ...differs });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'cannot-mount', exitCode });
    expect((thrown as Error).message).toContain(words);
    expect((thrown as { suggestions: string[] }).suggestions.length).toBeGreaterThan(0);
  });
});

describe('on Windows', () => {
  test('a drive letter or a folder, and a drive letter as a network drive', async () => {
    const adapter = chooseAdapter({ ...everything, platform: 'win32' });
    expect(adapter.mountOptions('X:')).toEqual({ NetworkMode: true });
    expect(adapter.mountOptions('C:\\Users\\ada\\bucket')).toEqual({ NetworkMode: false });
    for (const given of ['x:', 'X:', 'X:\\', 'x:/']) {
      expect(await resolveMountPoint(given, 'win32')).toBe('X:');
    }
    // Elsewhere it is a folder with a colon in its name.
    expect(await resolveMountPoint('/tmp/X:', 'linux')).toMatch(/tmp\/X:$/);
    const rc: [string, unknown][] = [];
    const vfs = openVfs(
      {
        call: (method, params, schema) => {
          rc.push([method, params]);
          return Promise.resolve(schema.parse({ mountTypes: ['cmount', 'mount'] }));
        },
        configCreate: () => Promise.resolve(),
      },
      'notes',
      1000,
    );
    const wanted = { adapter, profile: findProfile('fast'), readOnly: false };
    await vfs.mount(await mountRequest(wanted, vfs, 'X:'));
    expect(rc[1]).toMatchObject([
      'mount/mount',
      {
        ...{ fs: 'cloud:notes', mountPoint: 'X:', mountType: 'cmount' },
        mountOpt: { NetworkMode: true, AttrTimeout: '0s' },
        vfsOpt: { CacheMode: 'full' },
      },
    ]);
  });

  test('the mount point must not be there yet; an empty folder is taken away for it', async () => {
    const { root } = await openWorkspace();
    await checkFreeMountPoint(join(root, 'new', 'bucket'));
    expect(await readdir(join(root, 'new'))).toEqual([]);
    await mkdir(join(root, 'new', 'bucket'));
    await checkFreeMountPoint(join(root, 'new', 'bucket'));
    expect(await readdir(join(root, 'new'))).toEqual([]);
    await writeFile(join(root, 'new', 'file'), '');
    for (const path of ['new', 'new/file']) {
      await expect(checkFreeMountPoint(join(root, path))).rejects.toMatchObject({
        code: 'mount-point',
        exitCode: 13,
      });
    }
  });
});

describe('profiles', () => {
  test('become the options of the file system that they promise', () => {
    expect(vfsOptions(findProfile('fast'), false)).toMatchObject({
      CacheMode: 'full',
      // Longer than any freshness: the supervisor has listings forgotten.
      DirCacheTime: '12h',
      WriteBack: '1s',
      ReadOnly: false,
    });
    expect(vfsOptions(findProfile('safe'), true)).toMatchObject({
      WriteBack: '2s',
      ReadOnly: true,
    });
  });

  test('say in their texts the numbers that they have', () => {
    for (const { summary, freshnessSeconds, writeBackSeconds } of MOUNT_PROFILES) {
      expect(summary).toContain(`within ${freshnessSeconds} s`);
      expect(summary).toContain(`after ${writeBackSeconds} s`);
      // A file that is due at once is never seen in the queue, so an unmount could not wait for it.
      expect(writeBackSeconds).toBeGreaterThan(0);
    }
  });

  test('that do not exist are refused with those that do', () => {
    expect(() => findProfile('turbo')).toThrow(/no mount profile named turbo/);
  });

  test("of one's own take from another what they do not set", () => {
    const own = { train: { extends: 'safe', freshnessSeconds: 60, cacheGiB: 2 }, plain: {} };
    const safe = findProfile('safe');
    const train = findProfile('train', own);
    expect(train).toEqual({
      ...safe,
      ...{ name: 'train', freshnessSeconds: 60, cacheGiB: 2, summary: train.summary },
    });
    expect(train.summary).toContain('within 60 s');
    expect(train.summary).toContain('for 30 days');
    expect(mountProfiles(own).map(({ name }) => name)).toEqual([
      ...['fast', 'balanced', 'safe', 'train', 'plain'],
    ]);
  });

  test.each([
    ['train', 'fast', 'it has to be an object of settings'],
    ['train', { freshnessSeconds: '5s' }, 'freshnessSeconds is a whole number, without a unit'],
    ['train', { freshnessSeconds: 1.5 }, 'freshnessSeconds is a whole number, without a unit'],
    ['train', { writeBackSeconds: 0 }, 'writeBackSeconds is 1 at least'],
    ['train', { transfers: 1000 }, 'transfers is 64 at most'],
    ['train', { writeback: 5 }, 'there is no setting writeback; there are extends, summary, fresh'],
    ['train', { extends: 'turbo' }, 'extends has to be one of fast, balanced, safe, not turbo'],
    ['train', { extends: 7 }, 'extends is a text'],
    ['Train 1', {}, 'a name is of small letters, digits and hyphens'],
    ['safe', {}, 'the name is taken'],
  ])('%s = %j cannot be used, and it is said why', (name, set, why) => {
    const own = { [name]: set };
    expect(() => mountProfiles(own)).toThrow(
      expect.objectContaining({ code: 'bad-profile', exitCode: 78 }) as Error,
    );
    expect(() => mountProfiles(own)).toThrow(why);
    // Nobody else's profile suffers from it.
    expect(findProfile('fast', own).name).toBe('fast');
  });
});
