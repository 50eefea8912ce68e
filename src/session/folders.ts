import { join, resolve } from 'node:path';
import type { Host } from '../platform/host.ts';
import { readConfiguration, updateConfiguration, type SetupMode } from './configuration.ts';
import type { NamedContext } from './settings.ts';

/** The two places of a tenant on this machine; absolute, never one inside the other. */
export interface Folders {
  /** Kept in step with the bucket by bisync. */
  sync: string;
  /** Where the bucket is mounted. */
  mount: string;
}

/** What setup arranged for the context, else `~/Cloud/<tenant>` and `~/CloudMount/<tenant>`. */
export async function foldersOf(host: Host, context: NamedContext): Promise<Folders> {
  const arranged = (await readConfiguration(host)).folders[context.name];
  return {
    sync: arranged?.sync ?? join(host.places.home, 'Cloud', context.tenant.slug),
    mount: arranged?.mount ?? join(host.places.home, 'CloudMount', context.tenant.slug),
  };
}

/** Remembers what setup arranged for a context, for the commands that come after it. */
export async function rememberFolders(
  host: Host,
  contextName: string,
  { sync, mount, mode }: Partial<Folders & { mode: SetupMode }>,
): Promise<void> {
  await updateConfiguration(host, (configuration) => {
    const known = configuration.folders[contextName] ?? {};
    configuration.folders[contextName] = {
      ...known,
      ...(sync === undefined ? {} : { sync: resolve(sync) }),
      ...(mount === undefined ? {} : { mount: resolve(mount) }),
      ...(mode === undefined ? {} : { mode }),
    };
  });
}
