import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const binary = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export interface CloudRun {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs the built command line as a user would, and never throws on its exit code. */
export async function runCloud(
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; input?: string; cwd?: string },
): Promise<CloudRun> {
  const run = await execa(process.execPath, [binary, ...args], {
    env: options.env,
    extendEnv: false,
    reject: false,
    ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  return { exitCode: run.exitCode ?? -1, stdout: run.stdout, stderr: run.stderr };
}
