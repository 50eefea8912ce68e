import { join } from 'node:path';
import * as z from 'zod/mini';
import { readTextIfExists } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { platformOf } from '../platform/platform.ts';

/** Which of the unpacked copies is in use; replacing this small file is the atomic switch. */
export const currentCopySchema = z.object({
  /** Folder name below the private folder. */
  folder: z.string(),
  version: z.string(),
  /** Where it came from, for people: `rclone 1.75.2-2 from Debian sid`. */
  source: z.string(),
  installedAt: z.string(),
});
export type CurrentCopy = z.infer<typeof currentCopySchema>;

/** The folder that holds our own copies of rclone. */
export function privateFolder(host: Host): string {
  return join(host.places.data, 'rclone');
}

export function currentCopyPath(host: Host): string {
  return join(privateFolder(host), 'current.json');
}

/** The private copy in use, or undefined when there is none. */
export async function readPrivateCopy(
  host: Host,
): Promise<(CurrentCopy & { path: string }) | undefined> {
  const text = await readTextIfExists(currentCopyPath(host));
  if (text === undefined) return undefined;
  try {
    const current = currentCopySchema.parse(JSON.parse(text));
    return { ...current, path: join(privateFolder(host), current.folder, binaryName(host)) };
  } catch {
    return undefined;
  }
}

export function binaryName(host: Pick<Host, 'platform'>): string {
  return `rclone${platformOf(host.platform).programEndings[0]}`;
}
