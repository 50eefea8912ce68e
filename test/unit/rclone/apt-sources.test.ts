import { describe, expect, test } from 'vitest';
import {
  formatAptSource,
  parseAptSources,
  releaseArchives,
} from '../../../src/rclone/install/apt-sources.ts';

const deb822 = `Types: deb deb-src
# http://snapshot.example/archive/debian/20250520T000000Z
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://sources.example/debian
Suites: bookworm
Components: main
`;

const oneLine = `# comment
deb [arch=amd64 signed-by=/k.gpg trusted=yes] https://a.example/debian bookworm main non-free # tail
deb-src https://a.example/debian bookworm main
deb cdrom:[Debian]/ bookworm main
deb https://tool.example/apt stable main
`;

describe('the mirrors that the machine itself names', () => {
  test('deb822', () => {
    expect(parseAptSources('debian.sources', deb822)).toEqual([
      {
        uri: 'http://mirror.example/debian',
        suites: ['bookworm', 'bookworm-updates'],
        components: ['main', 'contrib'],
        signedBy: '/usr/share/keyrings/debian-archive-keyring.gpg',
      },
      {
        uri: 'http://mirror.example/debian-security',
        suites: ['bookworm-security'],
        components: ['main'],
        signedBy: undefined,
      },
    ]);
  });

  test('an armoured key inside a stanza is kept as it is', () => {
    const key =
      '\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEZ\n -----END PGP PUBLIC KEY BLOCK-----';
    const text = `Types: deb\nURIs: https://m.example\nSuites: sid\nComponents: main\nSigned-By:${key}\n`;
    const [archive] = parseAptSources('x.sources', text);
    expect(archive?.signedBy).toBe(key.trim());
    expect(parseAptSources('y.sources', formatAptSource(archive!, 'sid', 'main'))).toEqual([
      archive,
    ]);
  });

  test('one line each; the release itself first, third parties that call theirs stable last', () => {
    const archives = parseAptSources('sources.list', oneLine);
    expect(archives.map(({ uri }) => uri)).toEqual([
      'https://a.example/debian',
      'cdrom:[Debian]/',
      'https://tool.example/apt',
    ]);
    const all = [...archives.toReversed(), ...parseAptSources('d.sources', deb822)];
    expect(releaseArchives(all, 'bookworm', 'main').map(({ uri }) => uri)).toEqual([
      'https://a.example/debian',
      'http://mirror.example/debian',
      'https://tool.example/apt',
    ]);
  });

  test('what the machine loosens is not kept', () => {
    const [archive] = parseAptSources('sources.list', oneLine);
    expect(formatAptSource(archive!, 'sid', 'main')).toBe(
      'Types: deb\nURIs: https://a.example/debian\nSuites: sid\nComponents: main\nSigned-By: /k.gpg\n',
    );
  });
});
