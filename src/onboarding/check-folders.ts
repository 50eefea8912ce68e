import { stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import type { Folders } from '../session/folders.ts';

/**
 * Absolute folders of which none lies inside another, nor the home folder inside one; folders they
 * are, or nothing is there yet.
 *
 * @throws AbortError `folder-overlap`, `not-a-folder` (2)
 */
export async function checkFolders(host: Host, folders: Folders): Promise<Folders> {
  const sync = resolve(folders.sync);
  const mount = resolve(folders.mount);
  if (contains(sync, mount) || contains(mount, sync)) {
    throw overlap(sync, mount, 'A mount inside a synced folder would sync the bucket with itself.');
  }
  for (const folder of [sync, mount]) {
    if (contains(folder, host.places.home)) {
      throw overlap(folder, host.places.home, 'A whole home holds far more than one wants there.');
    }
  }
  // Only this one: a mount that has died answers with errors, and mounting looks at its own.
  await refuseFile(sync);
  return { sync, mount };
}

async function refuseFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.isDirectory()) return;
  throw new AbortError('not-a-folder', `${path} is not a folder.`, {
    exitCode: ExitCode.usage,
    suggestions: ['Choose a folder: cloud setup --path FOLDER'],
  });
}

function contains(outer: string, inner: string): boolean {
  const path = relative(outer, inner);
  return path === '' || (!isAbsolute(path) && path !== '..' && !path.startsWith(`..${sep}`));
}

function overlap(one: string, other: string, why: string): AbortError {
  return new AbortError('folder-overlap', `${one} and ${other} overlap. ${why}`, {
    exitCode: ExitCode.usage,
    suggestions: ['Choose folders apart: cloud setup --path FOLDER --mount-path FOLDER'],
    details: { folders: [one, other] },
  });
}
