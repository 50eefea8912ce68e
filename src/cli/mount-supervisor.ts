import { fileURLToPath } from 'node:url';

/**
 * The command line that serves a mount in the background: this program again. Node and script are
 * named by path, because the PATH of a later login may find another Node.
 */
export function mountSupervisor(rclonePath?: string): {
  command: string;
  args: readonly string[];
} {
  const rclone = rclonePath === undefined ? [] : ['--rclone', rclonePath];
  return { command: process.execPath, args: [binary(), 'mount-supervise', ...rclone] };
}

function binary(): string {
  return process.argv[1] ?? fileURLToPath(new URL('../../bin/run.js', import.meta.url));
}
