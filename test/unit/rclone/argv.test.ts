import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as argvModule from '../../../src/rclone/argv.ts';
import {
  ARGV_BUILDERS,
  bisyncPlanArgv,
  configFileArgv,
  fullestArgvs,
  helpArgv,
  longFlags,
  rcdArgv,
  versionArgv,
  type RcloneArgv,
} from '../../../src/rclone/argv.ts';
import {
  capabilitiesOf,
  missingFlags,
  missingMountOptions,
  parseCommands,
} from '../../../src/rclone/capabilities.ts';
import { compareVersions, RCLONE_FLOOR } from '../../../src/rclone/rclone.ts';
import { recordedHelp, recordedMethods, recordedVersions } from '../../support/rclone-help.ts';

/** The product's own source files, by their path below src. */
async function sources(): Promise<Map<string, string>> {
  const root = fileURLToPath(new URL('../../../src/', import.meta.url));
  const names = (await readdir(root, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const read = names.map(async (name) => [name, await readFile(join(root, name), 'utf8')] as const);
  return new Map(await Promise.all(read));
}

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

/** Arguments for each of the builders; a new one without any does not compile, and fails below. */
const driven: Record<keyof typeof ARGV_BUILDERS, fc.Arbitrary<RcloneArgv>> = {
  bisyncPlanArgv: planArgs.map(bisyncPlanArgv),
  rcdArgv: rcdArgs.map(rcdArgv),
  versionArgv: fc.constant(versionArgv()),
  helpArgv: fc
    .constantFrom('commands', 'flags', 'bisync', 'mount', 'cmount', 'nfsmount')
    .map((of) => helpArgv(of)),
  configFileArgv: fc.constant(configFileArgv()),
};
const argvs = fc.oneof(...Object.values(driven));
const supported = recordedVersions.filter((version) => compareVersions(version, RCLONE_FLOOR) >= 0);

/** What may be given to any command although no list of commands or flags names it. */
const ALWAYS = new Set(['--help']);
/** `help flags` is no command of its own, and some commands are not in every build. */
const OPTIONAL = new Set(['cmount', 'nfsmount']);

describe('every command line that the product can build', () => {
  test.each(supported)('is understood by rclone %s', (version) => {
    const help = recordedHelp(version);
    const commands = new Set([...parseCommands(help.help), 'help', ...OPTIONAL]);
    fc.assert(
      fc.property(argvs, (argv) => {
        expect(commands).toContain(argv[0]);
        expect(missingFlags(argv, help).filter((flag) => !ALWAYS.has(flag))).toEqual([]);
      }),
    );
  });

  test('comes from a builder that is driven here', () => {
    const builders = Object.entries(argvModule).filter(([name]) => /Argv$/.test(name));
    expect(Object.fromEntries(builders)).toEqual(ARGV_BUILDERS);
    expect(Object.keys(driven)).toEqual(Object.keys(ARGV_BUILDERS));
  });

  test('is built and started in src/rclone, and nowhere else', async () => {
    const starting = /\b(?:spawn|fork|execa|exec|execFile)(?:Sync)?\(\s*[^,()]*(?:rclone|binary)/i;
    const allowed = new Set(['rclone/run.ts', 'rclone/rc.ts']);
    const found: string[] = [];
    for (const [file, text] of await sources()) {
      if (starting.test(text) && !allowed.has(file)) found.push(file);
      // The way around the type of what runRclone takes.
      if (/as\s+RcloneArgv/.test(text) && file !== 'rclone/argv.ts') found.push(file);
    }
    expect(found).toEqual([]);
    expect(starting.test("execFile(rclone.path, ['ls'])")).toBe(true);
  });

  test('is covered by what the probe asks a binary for', () => {
    const { bisync, rcd } = fullestArgvs();
    const asked = new Set([...longFlags([...bisync, ...rcd]), ...ALWAYS]);
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

describe('what is said to a running rclone', () => {
  test.each(supported)('has only mount options that rclone %s knows', (version) => {
    const help = recordedHelp(version);
    expect(missingMountOptions('mount', help)).toEqual([]);
    if (parseCommands(help.help).has('nfsmount')) {
      expect(missingMountOptions('nfsmount', help)).toEqual([]);
    }
  });

  test('asks only for methods that every supported version has', async () => {
    const method =
      /'((?:backend|cache|config|core|job|mount|operations|options|rc|sync|vfs)\/[a-z-]+)'/g;
    const texts = [...(await sources()).values()];
    const used = new Set(
      texts.flatMap((text) => [...text.matchAll(method)].map(([, name]) => name)),
    );
    expect(used).toContain('mount/mount');
    for (const version of supported) {
      const known = recordedMethods(version);
      expect(
        [...used].filter((name) => !known.has(name ?? '')),
        version,
      ).toEqual([]);
    }
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

  test('a build whose mount lacks an option of ours is not one that can mount', () => {
    const help = recordedHelp('1.75.0');
    const mount = help.commands.mount?.replace('--vfs-cache-min-free-space', '--vfs-other');
    const without = { ...help, commands: { ...help.commands, mount } };
    expect(missingMountOptions('mount', without)).toEqual(['--vfs-cache-min-free-space']);
    expect(capabilitiesOf(without)).toMatchObject({ mount: false, nfsmount: true, rcd: true });
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
