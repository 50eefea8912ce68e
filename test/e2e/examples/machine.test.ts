import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { examplesOf, type Line } from '../../support/help-reader.ts';
import { mountTest } from '../../support/mount-user.ts';

examplesOf('machine', (reader) => {
  mountTest('setting up, and mounting', async () => {
    const { home, playAll, beforehand, bucket, inBucket, inHome, write } = reader();
    const { put } = await bucket();
    await put('there.md', 'from the bucket');
    await playAll([
      [
        'cloud setup --server https://cloud.example --token-stdin < key.txt',
        /Ready\./,
        {
          then: async () =>
            expect(await inHome('CloudMount/acme/there.md')).toBe('from the bucket'),
        },
      ],
      ['cloud mount-status', /State +mounted[^]*CloudMount\/acme/],
      ['cloud mount-status --json', [{ state: 'mounted', tenant: 'acme', profile: 'balanced' }]],
      ['cloud mount-status --watch', /CloudMount\/acme: mounted/, { goesOn: true }],
      [
        'cloud unmount',
        /is unmounted; everything is in the bucket/,
        {
          first: () => write('CloudMount/acme/here.md', 'from the mount'),
          then: async () => {
            expect(await inBucket('here.md')).toBe('from the mount');
            expect(await readdir(join(home, 'CloudMount/acme'))).toEqual([]);
          },
        },
      ],
      [
        'cloud mount --profile fast',
        /is mounted at .*\(fast\)/,
        {
          then: async () => expect(await inHome('CloudMount/acme/here.md')).toBe('from the mount'),
        },
      ],
      [
        'cloud unmount ~/CloudMount/acme --timeout 1m',
        /is unmounted/,
        {
          first: () => rm(join(home, 'CloudMount/acme/here.md')),
          then: async () => expect(await inBucket('here.md')).toBeUndefined(),
        },
      ],
      [
        'cloud mount --path ~/bucket --read-only',
        /read-only/,
        {
          then: async () => {
            expect(await inHome('bucket/there.md')).toBe('from the bucket');
            await expect(write('bucket/new.md', '')).rejects.toThrow('EROFS');
          },
        },
      ],
    ]);
    await beforehand('cloud unmount');
    await (await bucket()).remove('there.md');
    await mkdir(join(home, 'notes', 'notes'), { recursive: true });
    await write('notes/notes/plan.md', 'first');
    await playAll([
      [
        'cloud setup --mode bisync --path ~/notes --yes',
        /upload 1 file only here[^]*Ready\./,
        { then: async () => expect(await inBucket('notes/plan.md')).toBe('first') },
      ],
    ]);
  });

  test('in the background, where no manager can be reached', async () => {
    const { home, playAll } = reader();
    // How they turn out with one is in service.test.ts.
    const none = { exitCode: 10 };
    const nothingWritten = {
      exitCode: 78,
      then: async () =>
        expect(await readdir(join(home, '.config')).then((names) => names.sort())).not.toContain(
          'systemd',
        ),
    };
    for (const kind of ['bisync', 'mount']) {
      await playAll([
        [`cloud ${kind}-service install`, /Your systemd cannot be reached/, nothingWritten],
        [
          `cloud ${kind}-service install --profile safe --no-start`,
          /Your systemd cannot be reached/,
          nothingWritten,
        ],
        [`cloud ${kind}-service status`, /State +not-installed/, none],
        [`cloud ${kind}-service status --json`, { kind, state: 'not-installed' }, none],
        ...['start', 'stop', 'restart'].flatMap((verb): Line[] => [
          [`cloud ${kind}-service ${verb}`, new RegExp(`There is no ${kind} service`), none],
          [`cloud ${kind}-service ${verb} --json`, /"code":"service-not-installed"/, none],
        ]),
        [`cloud ${kind}-service logs --limit 20`, new RegExp(`There is no ${kind} service`), none],
        [`cloud ${kind}-service logs --follow`, new RegExp(`There is no ${kind} service`), none],
        [`cloud ${kind}-service uninstall`, /was not installed/],
        [`cloud ${kind}-service uninstall --json`, { kind, changed: false }],
      ]);
    }
  });

  test('rclone', async () => {
    const { env, playAll } = reader();
    await playAll([
      ['cloud rclone version', /^Version +1\.\d+\.\d+\n[^]*Can +rcd, bisync/m],
      ['cloud rclone version --json', { capabilities: { rcd: true, bisync: true } }],
      ['$(cloud rclone path) version', /rclone v1\./],
      ['cloud rclone path --json', { path: env['CLOUD_RCLONE'], origin: 'environment' }],
      ['cloud rclone install', new RegExp(`1\\.[^]*${env['CLOUD_RCLONE']!}`)],
      [
        'cloud rclone install --method official --mirror https://mirror.example/rclone',
        /127\.0\.0\.1:9/,
        { exitCode: 12, swap: { 'https://mirror.example': 'http://127.0.0.1:9' } },
      ],
      ['cloud rclone update', /not installed by cloud/, { exitCode: 12 }],
      ['cloud rclone update --json', /"code":"rclone-not-ours"/, { exitCode: 12 }],
    ]);
  });
});
