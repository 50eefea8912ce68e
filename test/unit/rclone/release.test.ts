import { expect, test } from 'vitest';
import { archiveFor, OFFICIAL_SITE, RELEASE } from '../../../src/rclone/install/release.ts';

test.each([
  ['linux', 'x64', 'linux-amd64'],
  ['linux', 'arm64', 'linux-arm64'],
  ['darwin', 'x64', 'osx-amd64'],
  ['darwin', 'arm64', 'osx-arm64'],
  ['win32', 'x64', 'windows-amd64'],
  ['win32', 'arm64', 'windows-arm64'],
] as const)('%s on %s has a pinned zip', (platform, arch, target) => {
  const archive = archiveFor({ platform, arch }, OFFICIAL_SITE);
  const { version } = RELEASE;
  expect(archive?.url.href).toBe(`${OFFICIAL_SITE}/v${version}/rclone-v${version}-${target}.zip`);
  expect(archive?.sha256).toMatch(/^[0-9a-f]{64}$/);
});

test('what is not pinned is not offered', () => {
  expect(archiveFor({ platform: 'linux', arch: 'riscv64' }, OFFICIAL_SITE)).toBeUndefined();
  expect(archiveFor({ platform: 'freebsd', arch: 'x64' }, OFFICIAL_SITE)).toBeUndefined();
});

test('a mirror has the same layout, with or without a slash at its end', () => {
  for (const mirror of ['https://m.example/rclone', 'https://m.example/rclone/']) {
    expect(archiveFor({ platform: 'linux', arch: 'x64' }, mirror)?.url.href).toMatch(
      /^https:\/\/m\.example\/rclone\/v[\d.]+\/rclone-v[\d.]+-linux-amd64\.zip$/,
    );
  }
});
