import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process that keeps a folder busy. */
export interface OpenFile {
  pid: number;
  command: string;
  path: string;
}

/** `notes/a.md by vim (process 12)` */
export function describeOpen({ command, pid, path }: OpenFile, root: string): string {
  const inside = path === root ? 'the folder itself' : path.slice(root.length + 1);
  return `${inside} by ${command} (process ${pid})`;
}

/**
 * Who has files open below `root`, or works in it. Reads links only and never the files, so a
 * hanging mount does not hang this. Of other people's processes only root sees anything.
 */
export async function findOpenFiles(root: string, platform: NodeJS.Platform): Promise<OpenFile[]> {
  if (platform === 'linux') return fromProc(root);
  if (platform === 'win32') return [];
  return parseLsof(await lsof(root));
}

function fromProc(root: string): OpenFile[] {
  const found: OpenFile[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const open = new Set(
      [`/proc/${pid}/cwd`, ...descriptors(pid)].flatMap((link) => target(link, root) ?? []),
    );
    if (open.size === 0) continue;
    const command = commandName(pid);
    for (const path of open) found.push({ pid, command, path });
  }
  return found;
}

function descriptors(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`);
  } catch {
    return [];
  }
}

function target(link: string, root: string): string | undefined {
  try {
    const path = readlinkSync(link).replace(/ \(deleted\)$/, '');
    return path === root || path.startsWith(`${root}/`) ? path : undefined;
  } catch {
    return undefined;
  }
}

function commandName(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '?';
  }
}

/** lsof(8) with `-F pcn`: lines `p<pid>`, `c<command>`, `n<path>`. */
export function parseLsof(text: string): OpenFile[] {
  const found: OpenFile[] = [];
  let pid = 0;
  let command = '?';
  for (const line of text.split('\n')) {
    const value = line.slice(1);
    if (line.startsWith('p')) pid = Number(value);
    else if (line.startsWith('c')) command = value;
    else if (line.startsWith('n')) found.push({ pid, command, path: value });
  }
  return found;
}

/** `+f --` makes the argument a file system; `-w` and the limit keep a dead mount from hanging it. */
function lsof(root: string): Promise<string> {
  return new Promise((resolve) => {
    // It ends with 1 when there is nothing; what it printed counts in any case.
    execFile('lsof', ['-w', '-F', 'pcn', '+f', '--', root], { timeout: 5000 }, (_error, stdout) =>
      resolve(stdout),
    );
  });
}
