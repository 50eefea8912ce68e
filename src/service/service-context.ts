import type { Host } from '../platform/host.ts';
import { realPathOf, type RunningProgram } from './entry-point.ts';
import type { ServiceManager } from './manager.ts';
import { openManager } from './open-manager.ts';

/** What the work on services stands on. */
export interface ServiceDeps {
  manager: ServiceManager;
  /** This process: what the service will run later. */
  program: RunningProgram;
  cliVersion: string;
  realPath: (path: string) => string | undefined;
}

/** @throws AbortError `no-service-manager` (78) on a system that has none that we know */
export function serviceDeps(host: Host, program: RunningProgram, cliVersion: string): ServiceDeps {
  return { manager: openManager(host), program, cliVersion, realPath: realPathOf };
}
