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

/**
 * What setup arranged for the context, else `~/Cloud/<tenant>` and `~/CloudMount/<tenant>`; where
 * another server's tenant of that name has those, the context's name instead.
 */
export async function foldersOf(host: Host, context: NamedContext): Promise<Folders> {
  const { folders } = await readConfiguration(host);
  const arranged = folders[context.name];
  const others = Object.entries(folders).filter(([name]) => name !== context.name);
  const choose = (kind: 'sync' | 'mount', parent: string): string => {
    const usual = join(host.places.home, parent, context.tenant.slug);
    const taken = others.some(([, other]) => other[kind] === usual);
    return taken ? join(host.places.home, parent, fileName(context.name)) : usual;
  };
  return {
    sync: arranged?.sync ?? choose('sync', 'Cloud'),
    mount: arranged?.mount ?? choose('mount', 'CloudMount'),
  };
}

/** A context's name may hold a colon: `acme@127.0.0.1:8787`. */
function fileName(contextName: string): string {
  return contextName.replace(/[^\w.@-]/g, '-');
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
