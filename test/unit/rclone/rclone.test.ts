import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareVersions, parseRcloneVersion, versionWarning } from '../../../src/rclone/rclone.ts';

describe('parseRcloneVersion', () => {
  test.each([
    ['rclone v1.75.2\n- os/version: debian 12.11 (64 bit)\n', '1.75.2'],
    ['rclone v1.60.1-DEV\n', '1.60.1'],
    ['rclone v1.76.0-beta.9021.abcdef\r\n', '1.76.0'],
    ['2026/01/01 NOTICE: Config file not found\nrclone v1.72.0\n', '1.72.0'],
  ])('%j', (output, version) => {
    expect(parseRcloneVersion(output)).toBe(version);
  });

  test.each([
    '',
    'Segmentation fault',
    'rclone',
    'rclone v1.75',
    'rsync  version 3.2.7',
    'xrclone v1.2.3',
  ])('is not rclone: %j', (output) => {
    expect(parseRcloneVersion(output)).toBeUndefined();
  });
});

test('compareVersions is a total order by number', () => {
  expect(compareVersions('1.9.0', '1.72.0')).toBeLessThan(0);
  const version = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99)).map((parts) => parts.join('.'));
  fc.assert(
    fc.property(version, version, (a, b) => {
      expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
      expect(compareVersions(a, b) === 0).toBe(a === b);
    }),
  );
});

test('a version without the security fixes is warned about, with the cure', () => {
  expect(versionWarning({ version: '1.75.0', origin: 'path' })).toBeUndefined();
  expect(versionWarning({ version: '1.74.4', origin: 'path' })).toContain('cloud rclone install');
  expect(versionWarning({ version: '1.74.4', origin: 'private' })).toContain('cloud rclone update');
});
