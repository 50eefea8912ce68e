import { execFileSync } from 'node:child_process';

/** Whether a program is there; in CI it has to be. */
export function available(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    if (process.env['CI'] !== undefined)
      throw new Error(`${program} is missing; see .ci/apt-packages`);
    console.log(
      `skipped: ${program} is not installed here (apt-get install, see .ci/apt-packages)`,
    );
    return false;
  }
}
