import { stat } from 'node:fs/promises';
import type { Host } from '../platform/host.ts';
import { platformOf } from '../platform/platform.ts';

/**
 * Every file of this name on PATH, in order. Relative entries of PATH mean whatever the working
 * folder happens to hold; they are left out.
 */
export async function findOnPath(
  name: string,
  { env, platform }: Pick<Host, 'env' | 'platform'>,
): Promise<string[]> {
  const { path } = platformOf(platform);
  const folders = new Set((env['PATH'] ?? env['Path'] ?? '').split(path.delimiter));
  const found: string[] = [];
  for (const folder of folders) {
    if (!path.isAbsolute(folder)) continue;
    const file = path.join(folder, name);
    const isFile = await stat(file).then(
      (stats) => stats.isFile(),
      () => false,
    );
    if (isFile) found.push(file);
  }
  return found;
}

/** Whether a program can be started by its bare name; on Windows with its usual endings. */
export async function isProgramOnPath(
  name: string,
  host: Pick<Host, 'env' | 'platform'>,
): Promise<boolean> {
  for (const ending of platformOf(host.platform).programEndings) {
    if ((await findOnPath(`${name}${ending}`, host)).length > 0) return true;
  }
  return false;
}
