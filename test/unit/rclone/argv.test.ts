import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bisyncPlanArgv, fullestArgvs, longFlags, rcdArgv } from '../../../src/rclone/argv.ts';
import { capabilitiesOf, missingFlags, parseCommands } from '../../../src/rclone/capabilities.ts';
import { compareVersions, RCLONE_FLOOR } from '../../../src/rclone/rclone.ts';
import { recordedHelp, recordedVersions } from '../../support/rclone-help.ts';

const planArgs = fc.record(
  {
    config: fc.constant('/c/rclone.conf'),
    local: fc.constant('/home/me/Cloud'),
    remote: fc.record(
      { remote: fc.constant('cloud'), bucket: fc.constant('b'), prefix: fc.constant('p/q') },
      { requiredKeys: ['remote', 'bucket'] },
    ),
    workdir: fc.constant('/w'),
    filterFrom: fc.constant('/w/filters'),
    checkFilename: fc.constant('.cloud-marker'),
  },
  { requiredKeys: ['config', 'local', 'remote', 'workdir', 'filterFrom'] },
);

const rcdArgs = fc.record(
  {
    address: fc.constantFrom('unix:///s', '127.0.0.1:0'),
    openToSocketOwner: fc.boolean(),
    cacheDir: fc.constant('/cache'),
    logFile: fc.constant('/log'),
    transfers: fc.integer({ min: 1, max: 64 }),
  },
  { requiredKeys: ['address', 'openToSocketOwner', 'cacheDir'] },
);

const argvs = fc.oneof(planArgs.map(bisyncPlanArgv), rcdArgs.map(rcdArgv));

describe('every command line that the product can build', () => {
  test.each(recordedVersions.filter((version) => compareVersions(version, RCLONE_FLOOR) >= 0))(
    'is understood by rclone %s',
    (version) => {
      const help = recordedHelp(version);
      fc.assert(
        fc.property(argvs, (argv) => {
          expect(parseCommands(help.help)).toContain(argv[0]);
          expect(missingFlags(argv, help)).toEqual([]);
        }),
      );
    },
  );

  test('is covered by what the probe asks a binary for', () => {
    const { bisync, rcd } = fullestArgvs();
    const asked = new Set(longFlags([...bisync, ...rcd]));
    fc.assert(
      fc.property(argvs, (argv) => {
        expect(longFlags(argv).filter((flag) => !asked.has(flag))).toEqual([]);
      }),
    );
  });

  test('has no flag twice', () => {
    fc.assert(
      fc.property(argvs, (argv) => {
        const flags = longFlags(argv);
        expect(new Set(flags).size).toBe(flags.length);
      }),
    );
  });
});

describe('older versions are seen to lack what we need', () => {
  test.each([
    ['1.60.1', 'bisync', ['--compare', '--color']],
    ['1.65.2', 'bisync', ['--compare']],
    ['1.70.3', 'rcd', ['--log-file-max-size', '--log-file-max-backups']],
  ] as const)('%s: %s', (version, command, lacking) => {
    const help = recordedHelp(version);
    expect(missingFlags(fullestArgvs()[command], help)).toEqual(lacking);
    expect(capabilitiesOf(help)[command]).toBe(false);
  });

  test("Debian's build has no nfsmount, upstream's has", () => {
    expect(capabilitiesOf(recordedHelp('1.75.2')).nfsmount).toBe(false);
    expect(capabilitiesOf(recordedHelp('1.75.0')).nfsmount).toBe(true);
  });

  test('a help text that is none has no capability', () => {
    const none = { help: 'segfault', flags: '', commands: {} };
    expect(capabilitiesOf(none)).toEqual({
      rcd: false,
      bisync: false,
      mount: false,
      nfsmount: false,
    });
  });
});

describe('the plan of a folder pair', () => {
  const base = {
    config: '/c',
    local: '/l',
    remote: { remote: 'cloud', bucket: 'b' },
    workdir: '/w',
    filterFrom: '/f',
  };

  test('changes nothing and compares without a request for each object', () => {
    const argv = bisyncPlanArgv(base);
    expect(argv.slice(0, 3)).toEqual(['bisync', '/l', 'cloud:b']);
    expect(argv).toContain('--dry-run');
    expect(argv.join(' ')).toContain('--compare size,checksum --fast-list');
    expect(argv).not.toContain('--create-empty-src-dirs');
  });

  test('a prefix is part of the path', () => {
    const remote = { remote: 'cloud', bucket: 'b', prefix: 'team/a' };
    expect(bisyncPlanArgv({ ...base, remote })[2]).toBe('cloud:b/team/a');
  });
});
