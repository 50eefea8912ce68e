import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { findRclone } from '../find.ts';
import { isProgramOnPath } from '../search-path.ts';
import type { Rclone } from '../rclone.ts';
import { runProgram } from './program.ts';
import type { InstallContext, InstallMethod, InstallStep } from './step.ts';
import { currentWindowsPath } from './windows-path.ts';

interface PackageManager {
  method: InstallMethod;
  platform: NodeJS.Platform;
  install: readonly [string, ...string[]];
  /** It writes to the system, so it is used only by root; sudo is never called. */
  needsRoot: boolean;
  env?: NodeJS.ProcessEnv;
}

/** Their own documented flags for running without questions. */
const MANAGERS: readonly PackageManager[] = [
  {
    method: 'brew',
    platform: 'darwin',
    install: ['brew', 'install', 'rclone'],
    needsRoot: false,
    env: { NONINTERACTIVE: '1', HOMEBREW_NO_AUTO_UPDATE: '1', HOMEBREW_NO_ENV_HINTS: '1' },
  },
  {
    method: 'dnf',
    platform: 'linux',
    install: ['dnf', 'install', '-y', 'rclone'],
    needsRoot: true,
  },
  {
    method: 'pacman',
    platform: 'linux',
    install: ['pacman', '-S', '--noconfirm', '--needed', 'rclone'],
    needsRoot: true,
  },
  {
    method: 'zypper',
    platform: 'linux',
    install: ['zypper', '--non-interactive', 'install', 'rclone'],
    needsRoot: true,
  },
  {
    method: 'apk',
    platform: 'linux',
    install: ['apk', 'add', '--no-interactive', 'rclone'],
    needsRoot: true,
  },
  {
    method: 'winget',
    platform: 'win32',
    install: [
      ...(['winget', 'install', '--id', 'Rclone.Rclone', '--exact', '--silent'] as const),
      ...['--accept-source-agreements', '--accept-package-agreements', '--disable-interactivity'],
    ],
    needsRoot: false,
  },
  {
    method: 'choco',
    platform: 'win32',
    install: ['choco', 'install', 'rclone', '-y', '--no-progress'],
    needsRoot: false,
  },
  { method: 'scoop', platform: 'win32', install: ['scoop', 'install', 'rclone'], needsRoot: false },
];

/** The system's own package managers; what they install is found on PATH and probed like any. */
export function packageManagers(isRoot = process.getuid?.() === 0): InstallStep[] {
  return MANAGERS.map((manager) => ({
    method: manager.method,
    title: `rclone by ${manager.method}`,
    byHand: `${manager.needsRoot ? 'sudo ' : ''}${manager.install.join(' ')}`,
    unusable: async ({ host, newerThan }) => {
      if (host.platform !== manager.platform) return `not on ${host.platform}`;
      if (!(await isProgramOnPath(manager.install[0], host)))
        return `${manager.method} is not here`;
      if (newerThan !== undefined) return 'updates of the system are its own business';
      if (manager.needsRoot && !isRoot) return 'needs root, and sudo is never called';
      return undefined;
    },
    install: (context) => installBy(manager, context),
  }));
}

async function installBy(manager: PackageManager, context: InstallContext): Promise<Rclone> {
  await runProgram(context, manager.install, manager.env === undefined ? {} : { env: manager.env });
  // Our own PATH is from before the installation.
  const env = { ...context.host.env };
  if (context.host.platform === 'win32') env['PATH'] = await currentWindowsPath(context);
  delete env['CLOUD_RCLONE'];
  const rclone = await findRclone({}, { ...context.host, env });
  if (rclone.origin === 'path') return rclone;
  throw new AbortError('rclone-unfit', `${manager.method} ended well, but rclone is not on PATH.`, {
    exitCode: ExitCode.rclone,
  });
}
