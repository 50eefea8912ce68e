import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/platform/clock.ts';
import type { Host } from '../../../src/platform/host.ts';
import { resolvePlaces } from '../../../src/platform/places.ts';
import { launchd } from '../../../src/service/launchd.ts';
import type { ServiceSpec } from '../../../src/service/manager.ts';
import { systemd } from '../../../src/service/systemd.ts';
import { taskScheduler, windowsWord } from '../../../src/service/task-scheduler.ts';
import { available } from '../../support/available.ts';
import { python } from '../../support/python.ts';

const ODD = [
  '/home/ada/My Cloud/50% $HOME "quoted" \\ back\tslash/ü 雲/node',
  "/home/o'neil/<b>&amp;/run.js",
];

function spec(more: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    ...{
      id: 'bisync-acme',
      kind: 'bisync',
      description: 'cloud: keeps 100% of <acme> & "all" in sync',
    },
    cliVersion: '1.2.3',
    command: ['/usr/bin/node', '/usr/lib/cloud/bin/run.js', 'service-run', 'bisync-acme'],
    environment: { PATH: '/usr/bin:/bin', CLOUD_HOME: '/home/ada/a "b" %h $x \\' },
    output: '/home/ada/out & <log>',
    ...more,
  };
}

function hostOf(platform: NodeJS.Platform, env: NodeJS.ProcessEnv = {}): Host {
  const home = platform === 'win32' ? 'C:\\Users\\Ada' : '/home/ada';
  return { platform, env, places: resolvePlaces(env, platform, home), clock: systemClock };
}

const nothing = () => Promise.resolve({ exitCode: 0, stdout: '', stderr: '' });

describe('the unit of systemd', () => {
  const unit = (each: ServiceSpec): string => systemd(hostOf('linux'), nothing).render(each);

  test.skipIf(!available('systemd-analyze'))(
    'is what the real systemd accepts, odd paths included',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'unit-'));
      onTestFinished(() => rm(folder, { recursive: true, force: true }));
      // The program must be there for it to be content.
      const odd = join(folder, 'a b % "c" \\ ü');
      await mkdir(odd, { recursive: true });
      const node = join(odd, 'node');
      await writeFile(node, '#!/bin/sh\n', { mode: 0o755 });
      for (const kind of ['bisync', 'mount'] as const) {
        const path = join(folder, `cloud-${kind}.service`);
        await writeFile(path, unit(spec({ kind, command: [node, ...ODD, 'x'] })));
        const said = execFileSync('systemd-analyze', ['verify', '--user', '--man=no', path], {
          encoding: 'utf8',
          env: { ...process.env, SYSTEMD_LOG_LEVEL: 'warning', XDG_RUNTIME_DIR: folder },
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        expect(said).toBe('');
      }
    },
  );

  test('does not start again what waits for a person, and lets a mount end in order', () => {
    const mount = unit(spec({ kind: 'mount' }));
    expect(mount).toContain('RestartPreventExitStatus=2 4 10 12 78\n');
    expect(mount).toContain('Restart=on-failure\n');
    expect(mount).toContain('KillMode=process\n');
    expect(mount).toContain('OOMPolicy=continue\n');
    expect(unit(spec())).toContain('KillMode=mixed\n');
  });

  test('holds no line end that a value brought', () => {
    const text = unit(spec({ environment: { A: 'x\nExecStart=/bin/evil' } }));
    expect(text.match(/^ExecStart=/gm)).toHaveLength(1);
  });
});

function readPlist(text: string): Record<string, unknown> {
  const program = 'import plistlib; print(json.dumps(plistlib.loads(data)))';
  return python(program, text) as Record<string, unknown>;
}

describe('the plist of launchd', () => {
  const plist = (each: ServiceSpec): string => launchd(hostOf('darwin'), nothing, 501).render(each);

  test('says what launchd needs, and gives odd paths back as they were', () => {
    const command = [...ODD, 'service-run', 'mount-acme'];
    const read = readPlist(plist(spec({ id: 'mount-acme', kind: 'mount', command })));
    expect(read).toMatchObject({
      Label: 'cloud-cli.mount-acme',
      ProgramArguments: command,
      EnvironmentVariables: spec().environment,
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
      AbandonProcessGroup: true,
      StandardErrorPath: '/home/ada/out & <log>',
    });
  });

  test('holds any path that a file system can', () => {
    const path = fc.string({ unit: 'grapheme' }).map((text) => `/${text.replace(/\p{Cc}/gu, '')}`);
    const command = fc.sample(path, 500);
    expect(readPlist(plist(spec({ command })))['ProgramArguments']).toEqual(command);
  });
});

describe('the task of Windows', () => {
  const manager = taskScheduler(
    hostOf('win32', { USERDOMAIN: 'HOME', USERNAME: 'Ada & Co' }),
    nothing,
  );

  test('is XML of the schema, without a window and without an administrator', () => {
    const command = ['C:\\Program Files\\nodejs\\node.exe', 'C:\\x\\run.js', 'service-run', 'b&c'];
    const text = manager.render(spec({ command }));
    expect(readTask(manager.encode(text))).toMatchObject({
      UserId: ['HOME\\Ada & Co', 'HOME\\Ada & Co'],
      LogonType: ['InteractiveToken'],
      RunLevel: ['LeastPrivilege'],
      ExecutionTimeLimit: ['PT0S'],
      Command: ['%SystemRoot%\\System32\\conhost.exe'],
      Arguments: ['--headless "C:\\Program Files\\nodejs\\node.exe" C:\\x\\run.js service-run b&c'],
    });
    expect([...manager.encode(text).subarray(0, 2)]).toEqual([0xff, 0xfe]);
    expect(manager.definitionPath('bisync-acme')).toBe(
      'C:\\Users\\Ada\\AppData\\Local\\cloud-cli\\state\\services\\bisync-acme\\task.xml',
    );
  });

  test('quotes words as Windows reads them back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', ' ', '"', '\\', '\t') })),
        (words) => {
          expect(readCommandLine(words.map(windowsWord).join(' '))).toEqual(words);
        },
      ),
    );
  });
});

/** The texts of a task's elements by their names, from its bytes: the encoding is looked at too. */
function readTask(bytes: Uint8Array): Record<string, string[]> {
  return python(
    `
import xml.etree.ElementTree as tree
found = {}
for element in tree.fromstring(data).iter():
    found.setdefault(element.tag.split('}')[1], []).append((element.text or '').strip())
print(json.dumps(found))
`,
    bytes,
  ) as Record<string, string[]>;
}

/** The rules of `CommandLineToArgvW` for all words but the first. */
function readCommandLine(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const slashes = /^\\*/.exec(line.slice(at))![0].length;
    const next = line[at + slashes];
    if (slashes > 0) {
      word ??= '';
      word += '\\'.repeat(next === '"' ? Math.floor(slashes / 2) : slashes);
      at += slashes - 1;
      if (next === '"' && slashes % 2 === 1) {
        word += '"';
        at += 1;
      }
    } else if (line[at] === '"') {
      word ??= '';
      quoted = !quoted;
    } else if (!quoted && /[ \t]/.test(line[at]!)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = `${word ?? ''}${line[at]!}`;
  }
  if (word !== undefined) words.push(word);
  return words;
}
