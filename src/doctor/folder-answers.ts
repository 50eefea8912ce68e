import { execFile } from 'node:child_process';
import { readMountTable, type MountEntry } from '../mount/mount-table.ts';
import { isInside } from '../platform/paths.ts';

/** File systems that another machine or process serves, and that can make whoever looks wait for ever. */
const SERVED = /^(nfs|cifs|smb|fuse|9p|afs|ceph|gluster|lustre|webdav|davfs|macfuse|osxfuse)/i;
const ANSWER_WITHIN_MS = 3000;

/**
 * Whether a look at this folder comes to an end. A thread that waits for a dead file server cannot
 * be called back, so where there may be one, another process looks first.
 */
export async function folderAnswers(path: string, platform: NodeJS.Platform): Promise<boolean> {
  const table = await readMountTable(platform).catch((): MountEntry[] => []);
  const type = typeOf(table, path);
  if (type === undefined || !SERVED.test(type)) return true;
  const look = 'try { require("node:fs").readdirSync(process.argv[1]) } catch {}';
  return new Promise((resolve) => {
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      child.unref();
      resolve(false);
    }, ANSWER_WITHIN_MS);
    const child = execFile(process.execPath, ['-e', look, path], { env: {} }, () => {
      clearTimeout(limit);
      resolve(true);
    });
  });
}

/** The type of the file system that holds the path, as far as the system lists it. */
export function typeOf(table: readonly MountEntry[], path: string): string | undefined {
  let best: MountEntry | undefined;
  for (const entry of table) {
    if (isInside(entry.path, path) && entry.path.length >= (best?.path.length ?? 0)) best = entry;
  }
  return best?.type;
}
