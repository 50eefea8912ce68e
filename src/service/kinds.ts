import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Places } from '../platform/places.ts';

/** What a service does: keeps a folder in sync, or serves a mount. */
export const SERVICE_KINDS = ['bisync', 'mount'] as const;
export type ServiceKind = (typeof SERVICE_KINDS)[number];

/**
 * One service for each kind and context. The id is a file's name, a unit's, a label's and a task's; a
 * context's name may hold `:` and `@`, which mean something in some of these.
 */
export function serviceId(kind: ServiceKind, contextName: string): string {
  const plain = contextName.replace(/[^\w.-]/g, '-');
  if (plain === contextName) return `${kind}-${plain}`;
  const hash = createHash('sha256').update(contextName).digest('hex').slice(0, 6);
  return `${kind}-${plain}-${hash}`;
}

export function servicesFolder({ state }: Pick<Places, 'state'>): string {
  return join(state, 'services');
}

/** The files of one service. */
export interface ServiceFiles {
  folder: string;
  /** What was installed. */
  record: string;
  /** How its process is, or how the last one ended. */
  run: string;
  /** JSON lines, rotated. */
  log: string;
  /** What Node itself says when the program cannot even start. */
  output: string;
  /** Asks a process to end, where the system has no signal for it (Windows). */
  stop: string;
}

export function serviceFiles(places: Pick<Places, 'state'>, id: string): ServiceFiles {
  const folder = join(servicesFolder(places), id);
  return {
    folder,
    record: join(folder, 'service.json'),
    run: join(folder, 'run.json'),
    log: join(folder, 'service.log'),
    output: join(folder, 'output.log'),
    stop: join(folder, 'stop'),
  };
}

export function commandOf(kind: ServiceKind): string {
  return `cloud ${kind}-service`;
}
