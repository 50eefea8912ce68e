import { execa } from 'execa';

export interface ProgramEnd {
  /** 127 when the program is not there. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

export type RunProgram = (program: string, args: readonly string[]) => Promise<ProgramEnd>;

/** A manager that hangs must not hang us: a mount may take a minute to end, so this is longer. */
const WITHIN_MS = 120_000;

/** Runs a command of the service manager to its end. Its own words are asked for in English. */
export function runProgramIn(env: NodeJS.ProcessEnv): RunProgram {
  return async (program, args) => {
    const end = await execa(program, args, {
      env: { ...env, LC_ALL: 'C' },
      extendEnv: false,
      stdin: 'ignore',
      reject: false,
      timeout: WITHIN_MS,
      windowsHide: true,
    });
    return {
      exitCode: end.exitCode ?? (end.code === 'ENOENT' ? 127 : 1),
      stdout: end.stdout,
      stderr: end.stderr,
    };
  };
}
