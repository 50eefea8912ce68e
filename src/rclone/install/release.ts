/**
 * The official release that we install, and the SHA-256 of its zips. The publisher's `SHA256SUMS`
 * is signed with a key that current libraries refuse, so the sums are pinned here; each was found
 * alike in several unrelated public repositories (docs/adr/0005-rclone-source.md).
 */
export const RELEASE = {
  version: '1.75.1',
  sha256: {
    'linux-amd64': '982b5aa772841168f8e380f139e9e787b2a105403e32b94da8676a0e1c0a13ab',
    'linux-arm64': '03f2504174034b6d004152ed7369251c9a9ec1f7e0836eda420f5c7a5ec0dff9',
    'osx-amd64': '29253d0288b8fbbac46baad6e5f6add6cb01d462c79f10805bbd4631c4cdf82c',
    'osx-arm64': 'c61d7a371c62bcbbe882c3423aa4b8bf63485c248dd0f692997b8f0c3f6d0c6f',
    'windows-amd64': '200eb602c126d82aa38b51e0f6b9ae837473ff99b51278d3f6f837574c494d6e',
    'windows-arm64': 'c3c6cd0424dd49076ad179c30c3f9e5cde2c004ec07ea9fe6911f23e32eafe0f',
  },
} as const satisfies Release;

export interface Release {
  version: string;
  /** By system and processor in rclone's words; what is not here is not offered. */
  sha256: Readonly<Record<string, string>>;
}

export const OFFICIAL_SITE = 'https://downloads.rclone.org';
/** The publisher's own releases there: the same files by the same names. */
const SECOND_SITE = 'https://github.com/rclone/rclone/releases/download';
export const PUBLISHER_SITES: readonly string[] = [OFFICIAL_SITE, SECOND_SITE];

const SYSTEMS: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'linux',
  darwin: 'osx',
  win32: 'windows',
};
const PROCESSORS: Partial<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

export interface Archive {
  /** `rclone-v1.75.1-linux-amd64`: the zip's name and the folder inside. */
  name: string;
  sha256: string;
  url: URL;
}

/** The zip for a machine, or undefined when none is pinned for it. */
export function archiveFor(
  machine: { platform: NodeJS.Platform; arch: string },
  site: string,
  release: Release = RELEASE,
): Archive | undefined {
  const target = `${SYSTEMS[machine.platform] ?? '?'}-${PROCESSORS[machine.arch] ?? '?'}`;
  const sha256 = release.sha256[target];
  if (sha256 === undefined) return undefined;
  const name = `rclone-v${release.version}-${target}`;
  const url = new URL(`${site.replace(/\/+$/, '')}/v${release.version}/${name}.zip`);
  return { name, sha256, url };
}
