import { describe, expect, test } from 'vitest';
import { judgeExpiry } from '../../../src/doctor/checks/account.ts';
import { judgeSpace } from '../../../src/doctor/checks/disk.ts';
import { judgeMount } from '../../../src/doctor/checks/mounts.ts';
import { judgeClock, judgeReach } from '../../../src/doctor/checks/network.ts';
import { judgeNode } from '../../../src/doctor/checks/setup.ts';
import { judgeInotify } from '../../../src/doctor/checks/watching.ts';
import { cureOf } from '../../../src/doctor/finding.ts';
import { typeOf } from '../../../src/doctor/folder-answers.ts';
import { classify, type Reach } from '../../../src/doctor/reach.ts';
import type { MountStatus } from '../../../src/mount/status.ts';

const GIB = 1024 ** 3;
const NOW = Date.UTC(2026, 10, 22);

test.each([
  ['24.7.0', 'ok'],
  ['26.0.1', 'ok'],
  ['24.6.9', 'failure'],
  ['22.22.0', 'failure'],
])('Node %s is %s', (version, level) => {
  expect(judgeNode(version).level).toBe(level);
});

test.each([
  ['much room', { freeBytes: 5 * GIB, freeInodes: 1e6, totalInodes: 2e6 }, 'ok', 0],
  ['little room', { freeBytes: GIB - 1, freeInodes: 1e6, totalInodes: 2e6 }, 'warning', 0],
  ['no room', { freeBytes: 1024, freeInodes: 1e6, totalInodes: 2e6 }, 'failure', 1],
  ['few inodes', { freeBytes: 5 * GIB, freeInodes: 4999, totalInodes: 2e6 }, 'warning', 0],
  ['no inodes', { freeBytes: 5 * GIB, freeInodes: 3, totalInodes: 2e6 }, 'failure', 1],
  ['inodes without a number', { freeBytes: 5 * GIB, freeInodes: 0, totalInodes: 0 }, 'ok', 0],
])('a disk with %s', (_what, space, level, exitCode) => {
  const seen = judgeSpace('state', '/s', { totalBytes: 10 * GIB, ...space });
  expect(seen).toMatchObject({ level, exitCode });
});

describe('inotify', () => {
  const watch = (folders: number, watches: number, instances = 128) =>
    judgeInotify({ folders, watches, instances, complete: true });

  test.each([
    [10, 8192, 'ok'],
    [6144, 8192, 'ok'],
    [6145, 8192, 'warning'],
    [900_000, 524_288, 'warning'],
  ])('%i folders of %i', (folders, watches, level) => {
    expect(watch(folders, watches).map((each) => each.level)).toEqual([level]);
  });

  test('the cure is a limit that holds twice the tree', () => {
    expect(watch(8000, 8192)[0]?.cure?.command).toContain('fs.inotify.max_user_watches=524288 ');
    const [large] = watch(900_000, 524_288);
    expect(large?.cure?.command).toContain('max_user_watches=2097152 ');
    expect(watch(10, 8192, 8)[0]?.cure?.command).toContain('max_user_instances=512');
  });
});

test.each([
  [0, 'ok', 0],
  [59_000, 'ok', 0],
  [-61_000, 'warning', 0],
  [14 * 60_000, 'warning', 0],
  [-15 * 60_000, 'failure', 78],
  [86_400_000, 'failure', 78],
])('a clock that is %i ms ahead', (skew, level, exitCode) => {
  const both = [
    { name: 'the server', reached: answered({ serverTimeMs: NOW, answeredAtMs: NOW }) },
    { name: 'the storage', reached: answered({ serverTimeMs: NOW, answeredAtMs: NOW + skew }) },
  ];
  const [seen] = judgeClock(both, 'linux');
  expect(seen).toMatchObject({ level, exitCode });
  if (level === 'ok') return;
  expect(seen?.summary).toMatch(skew > 0 ? /ahead of/ : /behind/);
  const cures = (['linux', 'darwin', 'win32', 'freebsd'] as const).map((platform) =>
    judgeClock(both, platform)[0]
      ?.cure?.command?.split(' ')
      .find((word) => word !== 'sudo'),
  );
  expect(cures).toEqual(['timedatectl', 'sntp', 'w32tm', undefined]);
});

test('a clock that nobody can be compared with is not looked at', () => {
  const silent = answered({ serverTimeMs: undefined });
  expect(judgeClock([{ name: 'x', reached: silent }], 'linux')).toMatchObject([
    { level: 'skipped' },
  ]);
});

function answered(more: Partial<Extract<Reach, { ok: true }>>): Reach {
  return {
    ...{ ok: true, url: new URL('https://cloud.example/version'), status: 200 },
    ...{ serverTimeMs: NOW, answeredAtMs: NOW, certificateEndsMs: undefined },
    ...more,
  };
}

test.each([
  [undefined, 'ok'],
  [NOW + 30 * 86_400_000, 'ok'],
  [NOW + 6 * 86_400_000, 'warning'],
])('a certificate that ends at %s', (certificateEndsMs, level) => {
  expect(judgeReach('It', answered({ certificateEndsMs }), NOW)[0]?.level).toBe(level);
});

test.each([
  ['ENOTFOUND', 'no-name', 5],
  ['EAI_AGAIN', 'no-name', 5],
  ['ENETUNREACH', 'no-route', 5],
  ['ECONNREFUSED', 'refused', 5],
  ['ETIMEDOUT', 'timeout', 5],
  ['ECONNRESET', 'cut', 5],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'untrusted', 78],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'untrusted', 78],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'untrusted', 78],
  ['CERT_HAS_EXPIRED', 'certificate-dates', 78],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'wrong-name', 78],
  ['EPROTO', 'not-tls', 5],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'not-tls', 5],
  ['HPE_INVALID_CONSTANT', 'not-http', 5],
  ['ERR_PROXY_TUNNEL', 'proxy', 5],
  ['something new', 'other', 5],
])('%s is %s', (code, why, exitCode) => {
  expect(classify(code)).toBe(why);
  const url = new URL('https://cloud.example');
  const [seen] = judgeReach('The server', { ok: false, url, code, why: classify(code) }, NOW);
  expect(seen).toMatchObject({ level: 'failure', exitCode });
  expect(seen?.cause).toContain(code);
  expect(seen?.cure?.sentence).toMatch(/\.$|\?$/);
});

test.each([
  [null, 'ok'],
  [NOW + 2 * 86_400_000, 'ok'],
  [NOW + 3_600_000, 'warning'],
  [NOW - 1, 'failure'],
])('a key that ends at %s', (endsAt, level) => {
  const text = endsAt === null ? null : new Date(endsAt).toISOString();
  expect(judgeExpiry(text, NOW).level).toBe(level);
});

test.each([
  ['mounted', null, 'ok', false],
  ['draining', null, 'ok', false],
  ['unmounted', null, 'ok', false],
  ['degraded', 'unsupervised', 'warning', false],
  ['degraded', 'mount-hangs', 'failure', false],
  ['dead', 'mount-died', 'failure', true],
] as const)('a mount that is %s (%s)', (state, code, level, curable) => {
  const problem =
    code === null
      ? null
      : { code, message: 'It is so.', suggestions: ['cloud mount   (takes over)'], at: '' };
  const seen = judgeMount({ ...MOUNT, state, problem }, () => Promise.resolve(''));
  expect(seen).toMatchObject({ level, exitCode: level === 'failure' ? 13 : 0 });
  expect(seen.fix !== undefined).toBe(curable);
});

test('a dead mount that still has a process is left to its owner; what waits is told', () => {
  const files = [{ name: 'a.md', size: 2048, uploading: false, tries: 0 }];
  const pending = { ...MOUNT.pending, files, bytes: 2048 };
  const rclone = { version: '1.75.2', pid: 12 };
  const dead = judgeMount({ ...MOUNT, state: 'dead', rclone, pending }, () => Promise.resolve(''));
  expect(dead.fix).toBeUndefined();
  const later = judgeMount({ ...MOUNT, state: 'unmounted', pending }, () => Promise.resolve(''));
  expect(later).toMatchObject({ level: 'warning' });
  expect(later.summary).toContain('1 file (2 KiB) waiting');
  expect(later.cure?.command).toBe("cloud mount --path '/home/ada/my bucket' --profile safe");
});

const MOUNT: MountStatus = {
  ...{ id: 'acme-1', tenant: 'acme', bucket: 'notes', path: '/home/ada/my bucket' },
  ...{ profile: 'safe', readOnly: false, state: 'mounted', since: '2026-11-22T00:00:00Z' },
  ...{ freshnessSeconds: 5, cacheBytes: 0, rclone: null, supervisor: null, adapter: null },
  ...{
    credentialExpiresAt: null,
    problem: null,
    recovered: [],
    freshness: 'seconds',
    versionDays: 30,
  },
  pending: { files: [], bytes: 0, uploading: 0, failed: 0, complete: true },
  recovered: [],
};

test.each([
  [['cloud setup'], { command: 'cloud setup' }],
  [
    ['cloud mount   (takes it over without interrupting it)'],
    { command: 'cloud mount', sentence: 'Takes it over without interrupting it' },
  ],
  [['Sign in again: cloud login'], { sentence: 'Sign in again:', command: 'cloud login' }],
  [
    ['Is its disk mounted?', 'cloud bisync --resync'],
    { sentence: 'Is its disk mounted?', command: 'cloud bisync --resync' },
  ],
])('%j as a cure', (suggestions, cure) => {
  expect(cureOf(suggestions)).toMatchObject(cure);
});

test('no suggestion is no cure', () => {
  expect(cureOf([])).toBeUndefined();
});

test('the file system of a path is that of the nearest mount point above', () => {
  const table = [
    { path: '/', type: 'ext4' },
    { path: '/home', type: 'nfs4' },
    { path: '/home/ada', type: 'fuse.rclone' },
  ];
  expect(typeOf(table, '/home/ada/x')).toBe('fuse.rclone');
  expect(typeOf(table, '/home/adam')).toBe('nfs4');
  expect(typeOf(table, '/srv')).toBe('ext4');
});
