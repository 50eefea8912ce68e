import { execFileSync } from 'node:child_process';
import { chmod, mkdir } from 'node:fs/promises';
import { onTestFinished } from 'vitest';

/**
 * Makes `path` a folder in which nobody can write. Permission bits do not bind root, so for root
 * it is an empty read-only file system.
 */
export async function makeUnwritable(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  if (process.getuid?.() === 0) mountTmpfs(path, 'ro,size=64k');
  else await chmod(path, 0o500);
}

/** Makes `path` a file system of `bytes`; true, or false where only root could and nobody is. */
export async function makeSmallDisk(path: string, bytes: number): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  await mkdir(path, { recursive: true });
  mountTmpfs(path, `size=${bytes}`);
  return true;
}

function mountTmpfs(path: string, options: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
  onTestFinished(() => {
    execFileSync('umount', ['-l', path]);
  });
}
