import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { CommandTree, type Candidate, type KnownNames } from '../completion/suggest.ts';
import { HELP_TOPICS } from '../output/help-topics.ts';
import { ANY_TEXT, SETTINGS } from '../session/setting-table.ts';
import type { Host } from '../platform/host.ts';

const Package = z.object({ oclif: z.object({ topics: CommandTree.shape.topics }) });

export async function readCommandTree(root: string): Promise<CommandTree> {
  const read = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(root, name), 'utf8'));
  const { commands } = CommandTree.parse(await read('oclif.manifest.json'));
  // The manifest has no topics.
  const { oclif } = Package.parse(await read('package.json'));
  return { commands, topics: oclif.topics };
}

/** Nothing may go wrong at a press of the tab key: what cannot be read has no names. */
export function knownNames(host: Host): KnownNames {
  return {
    profiles: () => orNone(profiles(host)),
    contexts: () => orNone(contexts(host)),
    conflicts: () => orNone(conflicts(host)),
    mounts: () => orNone(mounts(host)),
    settings: SETTINGS.filter(({ set }) => set !== null).map(({ key, about, takes }) => ({
      ...{ value: key, description: about },
      values: takes === ANY_TEXT ? [] : takes.split(', '),
    })),
    topics: HELP_TOPICS.map(({ name, summary }) => ({ value: name, description: summary })),
  };
}

async function profiles(host: Host): Promise<Candidate[]> {
  const { listProfiles } = await import('./profile-list.ts');
  const names = (await listProfiles(host)).map(({ name }) => name);
  return [...new Set(names)].map((value) => ({ value }));
}

async function contexts(host: Host): Promise<Candidate[]> {
  const { readConfiguration } = await import('../session/configuration.ts');
  const known = Object.entries((await readConfiguration(host)).contexts);
  return known.map(([value, { server, tenant }]) => ({
    value,
    description: `${tenant?.name ?? 'the administration'} at ${server}`,
  }));
}

async function conflicts(host: Host): Promise<Candidate[]> {
  const { conflictsIn } = await import('../bisync/conflicts-context.ts');
  const session = { context: undefined, server: undefined };
  const list = await conflictsIn({ session, path: undefined, gitignore: undefined }, host);
  return list.conflicts.map(({ path, copy }) => ({ value: path, description: copy }));
}

async function mounts(host: Host): Promise<Candidate[]> {
  const { mountStatus } = await import('../mount/status.ts');
  const all = await mountStatus(host);
  return all
    .filter(({ state }) => state !== 'unmounted')
    .map(({ path, bucket }) => ({ value: path, description: bucket }));
}

async function orNone(names: Promise<Candidate[]>): Promise<Candidate[]> {
  return names.catch(() => []);
}
