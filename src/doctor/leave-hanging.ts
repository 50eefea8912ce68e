import { here } from '../platform/platform.ts';

/**
 * Ends the process although one of its threads waits for a file system or a keychain that never
 * answers. Node's own exit waits for such threads; a program that takes the place of this one in
 * the same process does not (execve(2)), so a shell that ends at once is that program.
 */
export function leaveHanging(exitCode: number): never {
  if (process.execve !== undefined && here.unix) {
    // Node warns that this call of its own is new.
    process.removeAllListeners('warning');
    process.execve('/bin/sh', ['sh', '-c', `exit ${exitCode}`], {});
  }
  process.exit(exitCode);
}
