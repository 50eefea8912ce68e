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
  const { node, script } = thisProgram();
  return { command: node, args: [script, 'mount-supervise', ...rclone] };
}

/** By what paths this process was started. */
export function thisProgram(): { node: string; script: string } {
  return {
    node: process.execPath,
    script: process.argv[1] ?? fileURLToPath(new URL('../../bin/run.js', import.meta.url)),
  };
}
