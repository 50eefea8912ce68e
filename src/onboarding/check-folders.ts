import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { readPairs } from '../bisync/pair.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { foldName } from '../platform/file-names.ts';
import type { Host } from '../platform/host.ts';
import { isInside } from '../platform/paths.ts';
import { platformOf } from '../platform/platform.ts';
import { readConfiguration } from '../session/configuration.ts';
import type { Folders } from '../session/folders.ts';

/** Whose folders they will be. */
export interface FolderOwner {
  contextName: string;
  tenantId: string;
}

/**
 * Absolute folders, of which none lies inside another, nor in one that another context uses, nor the
 * home folder inside one; folders they are, or nothing is there yet. They are compared as the file
 * system sees them: without symlinks and `..`, and whatever their case where that makes no difference.
 *
 * @throws AbortError `folder-overlap`, `not-a-folder` (2)
 */
export async function checkFolders(
  host: Host,
  folders: Folders,
  owner: FolderOwner,
): Promise<Folders> {
  const sync = resolve(folders.sync);
  const mount = resolve(folders.mount);
  const overlaps = overlapTest(host);
  if (await overlaps(sync, mount)) {
    throw overlap(sync, mount, 'A mount inside a synced folder would sync the bucket with itself.');
  }
  const { home, config, state, data, cache } = host.places;
  for (const folder of [sync, mount]) {
    if (await overlaps.contains(folder, home)) {
      throw overlap(folder, home, 'A whole home holds far more than one wants there.');
    }
    for (const place of [config, state, data, cache]) {
      if (await overlaps(folder, place)) {
        throw overlap(folder, place, 'That is where cloud keeps its own files.');
      }
    }
    for (const other of await othersFolders(host, owner)) {
      if (await overlaps(folder, other)) {
        throw overlap(folder, other, 'The latter is in use for another bucket.');
      }
    }
  }
  // Only this one: a mount that has died answers with errors, and mounting looks at its own.
  await refuseFile(sync);
  return { sync, mount };
}

/** What setup arranged for other contexts, and the folders that were synced with other buckets. */
async function othersFolders(host: Host, owner: FolderOwner): Promise<string[]> {
  const { contexts, folders } = await readConfiguration(host);
  const arranged = Object.entries(folders)
    .filter(([name]) => name !== owner.contextName && name in contexts)
    .flatMap(([, { sync, mount }]) => [sync, mount]);
  const pairs = (await readPairs(host)).filter(({ tenant }) => tenant !== owner.tenantId);
  return [...arranged, ...pairs.map(({ root }) => root)].filter((path) => path !== undefined);
}

interface OverlapTest {
  (one: string, other: string): Promise<boolean>;
  contains(outer: string, inner: string): Promise<boolean>;
}

function overlapTest({ platform }: Host): OverlapTest {
  const known = new Map<string, string>();
  const place = async (path: string): Promise<string> => {
    const found = known.get(path) ?? foldName(await realPlace(path), platformOf(platform));
    known.set(path, found);
    return found;
  };
  const contains = async (outer: string, inner: string): Promise<boolean> =>
    isInside(await place(outer), await place(inner));
  const either = async (one: string, other: string): Promise<boolean> =>
    (await contains(one, other)) || (await contains(other, one));
  return Object.assign(either, { contains });
}

/** Without symlinks as far as the path exists; what does not exist yet stays as it is named. */
async function realPlace(path: string): Promise<string> {
  const rest: string[] = [];
  for (let current = resolve(path); ; current = dirname(current)) {
    const real = await realpath(current).catch(() => undefined);
    if (real !== undefined) return join(real, ...rest);
    if (dirname(current) === current) return resolve(path);
    rest.unshift(basename(current));
  }
}

async function refuseFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.isDirectory()) return;
  throw new AbortError('not-a-folder', `${path} is not a folder.`, {
    exitCode: ExitCode.usage,
    suggestions: ['Choose a folder: cloud setup --path FOLDER'],
  });
}

function overlap(one: string, other: string, why: string): AbortError {
  return new AbortError('folder-overlap', `${one} and ${other} overlap. ${why}`, {
    exitCode: ExitCode.usage,
    suggestions: ['Choose folders apart: cloud setup --path FOLDER --mount-path FOLDER'],
    details: { folders: [one, other] },
  });
}
