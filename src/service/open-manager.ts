import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import { launchd } from './launchd.ts';
import type { ServiceManager } from './manager.ts';
import { runProgramIn, type RunProgram } from './run-program.ts';
import { systemd } from './systemd.ts';
import { taskScheduler } from './task-scheduler.ts';

/** @throws AbortError `no-service-manager` (78) on a system that has none that we know */
export function openManager(host: Host, run: RunProgram = runProgramIn(host.env)): ServiceManager {
  switch (host.platform) {
    case 'linux':
      return systemd(host, run);
    case 'darwin':
      return launchd(host, run);
    case 'win32':
      return taskScheduler(host, run);
    default:
      throw new AbortError('no-service-manager', `There is no service for ${host.platform} yet.`, {
        exitCode: ExitCode.needsPerson,
        suggestions: ['In a terminal: cloud bisync --watch'],
      });
  }
}
