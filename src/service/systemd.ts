import { userInfo } from 'node:os';
import { posix } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode, WAITS_FOR_PERSON } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import { mustSucceed, type Look, type ServiceManager, type ServiceSpec } from './manager.ts';
import type { RunProgram } from './run-program.ts';

/** A mount uploads for up to 60 s before it lets go. */
const STOP_WITHIN_S = 90;
const PROPERTIES = [
  ...['LoadState', 'ActiveState', 'MainPID', 'UnitFileState'],
  ...['FragmentPath', 'DropInPaths', 'NeedDaemonReload'],
];

/** systemd's manager of one user. systemd.service(5), systemd.exec(5), systemctl(1). */
export function systemd(host: Host, run: RunProgram): ServiceManager {
  const unit = (id: string): string => `cloud-${id}.service`;
  const systemctl = async (...args: string[]): Promise<void> =>
    mustSucceed(`systemctl --user ${args.join(' ')}`, await run('systemctl', ['--user', ...args]));
  return {
    name: 'systemd',
    definitionPath: (id) => posix.join(unitFolder(host), unit(id)),
    render: renderUnit,
    encode: (text) => Buffer.from(text),
    check: async () => {
      const { exitCode, stderr } = await run('systemctl', ['--user', 'show', '-p', 'Version']);
      if (exitCode !== 0) throw noManager(exitCode === 127, stderr);
    },
    register: async (id) => {
      await systemctl('daemon-reload');
      await systemctl('enable', unit(id));
    },
    unregister: async (id) => {
      // A unit whose file is gone is not found, and that is what is wanted.
      await run('systemctl', ['--user', 'disable', '--now', unit(id)]);
      await run('systemctl', ['--user', 'reset-failed', unit(id)]);
    },
    start: async (id) => {
      await systemctl('daemon-reload');
      await systemctl('start', unit(id));
    },
    stop: (id) => systemctl('stop', unit(id)),
    look: (id) => look(unit(id), run),
  };
}

/** Where systemd looks for a user's units first. */
function unitFolder({ env, places }: Host): string {
  const config = env['XDG_CONFIG_HOME'];
  const base =
    config !== undefined && posix.isAbsolute(config) ? config : posix.join(places.home, '.config');
  return posix.join(base, 'systemd', 'user');
}

function renderUnit({
  id,
  kind,
  description,
  cliVersion,
  command,
  environment,
}: ServiceSpec): string {
  const variables = Object.entries(environment).map(
    ([name, value]) => `Environment=${quoted(`${name}=${value}`)}`,
  );
  // systemd takes no program with quotes or backslashes in its path, but as an argument it does.
  const words = /["'\\]/.test(command[0] ?? '') ? ['/usr/bin/env', ...command] : command;
  const [program = '', ...args] = words;
  return [
    `# cloud ${cliVersion} wrote this file, and \`cloud ${kind}-service install\` writes it anew.`,
    `# What you change belongs beside it: systemctl --user edit cloud-${id}`,
    '[Unit]',
    `Description=${description.replaceAll('%', '%%')}`,
    // It rests by itself between tries that fail; systemd must not give up meanwhile.
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=exec',
    // A `$` in the program itself is none of a variable.
    `ExecStart=${[quoted(program), ...args.map((arg) => quoted(arg).replaceAll('$', '$$$$'))].join(' ')}`,
    'WorkingDirectory=/',
    ...variables,
    'Restart=on-failure',
    'RestartSec=5',
    `RestartPreventExitStatus=${WAITS_FOR_PERSON.join(' ')}`,
    `SuccessExitStatus=${ExitCode.interrupted} ${ExitCode.terminated}`,
    // Only the first process hears of an end: it brings the others to theirs in order. An rclone whose
    // supervisor was killed goes on serving what programs have open, and the next one takes it over.
    `KillMode=${kind === 'mount' ? 'process' : 'mixed'}`,
    `TimeoutStopSec=${STOP_WITHIN_S}`,
    // The loss of an rclone is made good; systemd would end all of it.
    'OOMPolicy=continue',
    '',
    '[Install]',
    'WantedBy=default.target',
    '',
  ].join('\n');
}

/** systemd.syntax(7), "Quoting"; `%` begins a specifier everywhere. */
function quoted(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('%', '%%');
  return `"${escaped}"`;
}

async function look(unit: string, run: RunProgram): Promise<Look> {
  const { stdout } = await run('systemctl', [
    ...['--user', 'show', unit],
    ...PROPERTIES.flatMap((name) => ['-p', name]),
  ]);
  const has = new Map(
    stdout.split('\n').map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)] as const;
    }),
  );
  const pid = Number(has.get('MainPID') ?? 0);
  const dropIns = has.get('DropInPaths') ?? '';
  return {
    known: has.get('LoadState') === 'loaded',
    atLogin: has.get('UnitFileState') === 'enabled',
    active: ['active', 'activating', 'reloading', 'deactivating'].includes(
      has.get('ActiveState') ?? '',
    ),
    pid: pid === 0 ? null : pid,
    notes: [
      ...(dropIns === '' ? [] : [`Changed by ${dropIns}.`]),
      ...((await lingers(run)) === false
        ? [
            'It runs while you are signed in. From boot on, and after you sign out: loginctl enable-linger',
          ]
        : []),
    ],
    differs: has.get('NeedDaemonReload') === 'yes',
  };
}

/** Whether this user's manager runs without a session; undefined where nobody says. loginctl(1) */
async function lingers(run: RunProgram): Promise<boolean | undefined> {
  const { exitCode, stdout } = await run('loginctl', [
    ...['show-user', userInfo().username, '--property=Linger', '--value'],
  ]);
  return exitCode === 0 && stdout !== '' ? stdout.trim() === 'yes' : undefined;
}

function noManager(isMissing: boolean, stderr: string): AbortError {
  const inTerminal =
    'In a terminal, or as another init system has it: cloud bisync --watch, or cloud mount --foreground';
  if (isMissing) {
    return new AbortError('no-service-manager', 'This system has no systemd.', {
      exitCode: ExitCode.needsPerson,
      suggestions: [inTerminal],
    });
  }
  const words = stderr.trim().split('\n')[0] ?? '';
  return new AbortError('no-service-manager', `Your systemd cannot be reached: ${words}`, {
    exitCode: ExitCode.needsPerson,
    suggestions: [
      'Sign in directly instead of by su or sudo, or say where it is: export XDG_RUNTIME_DIR=/run/user/$(id -u)',
      'Let it run without a session: loginctl enable-linger',
      inTerminal,
    ],
  });
}
