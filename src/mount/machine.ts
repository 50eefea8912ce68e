import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Host } from '../platform/host.ts';
import type { RcloneCapabilities } from '../rclone/rclone.ts';
import type { Machine, MountAdapter } from './adapters.ts';
import { findMount, readMountTable, type MountEntry } from './mount-table.ts';

/** Looks at what this machine can do, not at what its version says. */
export async function probeMachine(
  host: Host,
  capabilities: Pick<RcloneCapabilities, 'mount' | 'nfsmount'>,
): Promise<Machine> {
  const [fuseDevice, fusermount, mountNfs, winfsp] = await Promise.all([
    may('/dev/fuse', constants.R_OK | constants.W_OK),
    onPath(host, ['fusermount3', 'fusermount']),
    onPath(host, ['mount.nfs'], ['/sbin', '/usr/sbin']),
    host.platform === 'win32' ? winfspInstalled(host) : false,
  ]);
  return {
    platform: host.platform,
    isRoot: process.getuid?.() === 0,
    capabilities,
    fuseDevice,
    fusermount,
    mountNfs,
    winfsp,
  };
}

/**
 * Takes a mount away although it is busy or its server is gone; programs that use it get errors.
 * Nothing that waits to be uploaded is touched, and nothing of another kind that is mounted there.
 * True when the folder is no mount point of this kind any more.
 */
export async function detachMount(
  adapter: Pick<MountAdapter, 'detach' | 'tableTypes'>,
  path: string,
  platform: NodeJS.Platform,
): Promise<boolean> {
  for (const [command, ...args] of adapter.detach(path)) {
    if (!isOfKind(adapter, findMount(await readMountTable(platform), path))) return true;
    await ends(command, args);
  }
  return !isOfKind(adapter, findMount(await readMountTable(platform), path));
}

/** Whether what the system lists at a folder may be a mount of this adapter. */
export function isOfKind(
  { tableTypes }: Pick<MountAdapter, 'tableTypes'>,
  entry: MountEntry | undefined,
): boolean {
  return entry !== undefined && tableTypes.includes(entry.type);
}

/** Resolves when the command has ended, well or not; it is given up after ten seconds. */
function ends(command: string, args: string[]): Promise<void> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 10_000, killSignal: 'SIGKILL' }, () => resolve());
  });
}

async function may(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

async function onPath(host: Host, names: string[], more: string[] = []): Promise<boolean> {
  const folders = [...(host.env['PATH'] ?? '').split(delimiter), ...more];
  const found = await Promise.all(
    folders.flatMap((folder) => names.map((name) => may(join(folder, name), constants.X_OK))),
  );
  return found.includes(true);
}

async function winfspInstalled(host: Host): Promise<boolean> {
  const roots = [host.env['ProgramFiles(x86)'], host.env['ProgramFiles']];
  const dll = join('WinFsp', 'bin', 'winfsp-x64.dll');
  const found = await Promise.all(
    roots.flatMap((root) => (root === undefined ? [] : [may(join(root, dll), constants.F_OK)])),
  );
  return found.includes(true);
}
