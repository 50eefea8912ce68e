import { posix } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import { mustSucceed, type Look, type ServiceManager, type ServiceSpec } from './manager.ts';
import type { RunProgram } from './run-program.ts';
import { escapeXml } from './xml-text.ts';

/** A mount uploads for up to 60 s before it lets go; launchd would kill it after 20. */
const STOP_WITHIN_S = 90;
/** Between two starts; it rests longer by itself. */
const THROTTLE_S = 30;
/** bootout returns before the old job is gone, and until then bootstrap fails. */
const BOOTSTRAP_TRIES = 20;

/** launchd's agents of one user. launchd.plist(5), launchctl(1). */
export function launchd(
  host: Host,
  run: RunProgram,
  uid = process.getuid?.() ?? 0,
): ServiceManager {
  const domain = `gui/${uid}`;
  const label = (id: string): string => `cloud-cli.${id}`;
  const target = (id: string): string => `${domain}/${label(id)}`;
  const definitionPath = (id: string): string =>
    posix.join(host.places.home, 'Library', 'LaunchAgents', `${label(id)}.plist`);
  const launchctl = async (...args: string[]): Promise<void> =>
    mustSucceed(`launchctl ${args.join(' ')}`, await run('launchctl', args));
  const isLoaded = async (id: string): Promise<boolean> =>
    (await run('launchctl', ['print', target(id)])).exitCode === 0;
  const bootstrap = async (id: string): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      const end = await run('launchctl', ['bootstrap', domain, definitionPath(id)]);
      if (end.exitCode === 0 || (await isLoaded(id))) return;
      if (tries === BOOTSTRAP_TRIES) mustSucceed('launchctl bootstrap', end);
      await host.clock.sleep(500);
    }
  };
  return {
    name: 'launchd',
    definitionPath,
    render: (spec) => renderPlist(label(spec.id), spec),
    encode: (text) => Buffer.from(text),
    check: async () => {
      const { exitCode } = await run('launchctl', ['print', domain]);
      if (exitCode !== 0) throw noSession();
    },
    register: async (id) => {
      // Also after a `launchctl disable`, which outlives the file.
      await launchctl('enable', target(id));
      await run('launchctl', ['bootout', target(id)]);
      await bootstrap(id);
    },
    unregister: async (id) => {
      await run('launchctl', ['bootout', target(id)]);
    },
    start: async (id) => {
      if (!(await isLoaded(id))) await bootstrap(id);
      await launchctl('kickstart', target(id));
    },
    // It ends with 0 then, which launchd does not start again. No process to signal is code 3.
    stop: async (id) => {
      const end = await run('launchctl', ['kill', 'SIGTERM', target(id)]);
      if (end.exitCode !== 3) mustSucceed('launchctl kill', end);
    },
    look: (id) => look({ label: label(id), target: target(id), domain }, run),
  };
}

function renderPlist(label: string, spec: ServiceSpec): string {
  const { kind, cliVersion, command, environment, output } = spec;
  const variables = Object.entries(environment).flatMap(([name, value]) => [
    `    <key>${escapeXml(name)}</key>`,
    `    <string>${escapeXml(value)}</string>`,
  ]);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    `<!-- cloud ${escapeXml(cliVersion)} wrote this file, and \`cloud ${kind}-service install\` writes it anew. -->`,
    '<plist version="1.0">',
    '<dict>',
    ...['  <key>Label</key>', `  <string>${escapeXml(label)}</string>`],
    ...['  <key>ProgramArguments</key>', '  <array>'],
    ...command.map((word) => `    <string>${escapeXml(word)}</string>`),
    '  </array>',
    ...['  <key>EnvironmentVariables</key>', '  <dict>', ...variables, '  </dict>'],
    ...['  <key>WorkingDirectory</key>', '  <string>/</string>'],
    ...['  <key>RunAtLoad</key>', '  <true/>'],
    // Started again unless it ends with 0, which is what it ends with when a person is needed.
    ...[
      '  <key>KeepAlive</key>',
      '  <dict>',
      '    <key>SuccessfulExit</key>',
      '    <false/>',
      '  </dict>',
    ],
    ...['  <key>ThrottleInterval</key>', `  <integer>${THROTTLE_S}</integer>`],
    ...['  <key>ExitTimeOut</key>', `  <integer>${STOP_WITHIN_S}</integer>`],
    // An rclone whose supervisor was killed goes on serving what programs have open.
    ...['  <key>AbandonProcessGroup</key>', kind === 'mount' ? '  <true/>' : '  <false/>'],
    ...['  <key>StandardOutPath</key>', `  <string>${escapeXml(output)}</string>`],
    ...['  <key>StandardErrorPath</key>', `  <string>${escapeXml(output)}</string>`],
    '</dict>',
    '</plist>',
    '',
  ].join('\n');
}

async function look(
  { label, target, domain }: { label: string; target: string; domain: string },
  run: RunProgram,
): Promise<Look> {
  const [job, disabled] = await Promise.all([
    run('launchctl', ['print', target]),
    run('launchctl', ['print-disabled', domain]),
  ]);
  const known = job.exitCode === 0;
  const pid = /^\s*pid = (\d+)$/m.exec(job.stdout)?.[1];
  const isDisabled = disabled.stdout
    .split('\n')
    .some((line) => line.includes(`"${label}"`) && /=> (true|disabled)/.test(line));
  return {
    known,
    atLogin: !isDisabled,
    active: pid !== undefined,
    pid: pid === undefined ? null : Number(pid),
    notes: [],
    differs: false,
  };
}

function noSession(): AbortError {
  return new AbortError(
    'no-service-manager',
    'You have no session on this Mac that launchd knows.',
    {
      exitCode: ExitCode.needsPerson,
      suggestions: [
        'Sign in at the screen once and run this again; over SSH alone there are no agents.',
        'In a terminal: cloud bisync --watch',
      ],
    },
  );
}
