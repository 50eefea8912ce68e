import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface MountEntry {
  path: string;
  /** `fuse.rclone`, `nfs`, `nfs4` … */
  type: string;
}

/**
 * What the system has mounted, without touching any of it: a hanging mount cannot hang the
 * reader. Empty where the system keeps no such list (Windows).
 */
export async function readMountTable(platform: NodeJS.Platform): Promise<MountEntry[]> {
  if (platform === 'linux') return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (platform === 'win32') return [];
  return parseMountOutput(await output('/sbin/mount', []));
}

/** Whether exactly this folder is a mount point. */
export function findMount(table: readonly MountEntry[], path: string): MountEntry | undefined {
  // The last one is on top, where several are mounted over one another.
  return table.findLast((entry) => entry.path === path);
}

/** proc_pid_mountinfo(5): field 5 is the mount point, the type follows a lone hyphen. */
export function parseMountInfo(text: string): MountEntry[] {
  return text.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ', 2);
    const path = before?.split(' ')[4];
    const type = after?.split(' ')[0];
    return path === undefined || type === undefined ? [] : [{ path: unescapeOctal(path), type }];
  });
}

/** Space, tab, line end and backslash are written as three octal digits, byte by byte. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** macOS's mount(8): `source on /path (nfs, nodev, …)`. */
export function parseMountOutput(text: string): MountEntry[] {
  return text.split('\n').flatMap((line) => {
    const match = /^.* on (.+) \(([^,)]+)[^()]*\)$/.exec(line);
    return match === null ? [] : [{ path: match[1] ?? '', type: match[2] ?? '' }];
  });
}

function output(command: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { timeout: 3000 }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} failed`, { cause: error }));
    });
  });
}
