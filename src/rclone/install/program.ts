import { execa } from 'execa';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { redact } from '../../output/redact.ts';
import { withoutOurs } from '../environment.ts';
import type { InstallContext } from './step.ts';

export interface ProgramOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Milliseconds. Default 10 minutes: package managers download too. */
  timeoutMs?: number;
}

/**
 * Runs a package manager to its end and returns what it printed. It gets no input, so that a
 * question ends it instead of hanging.
 *
 * @throws AbortError `install-program` (exit code 12) with its last words
 */
export async function runProgram(
  { host, signal }: InstallContext,
  [program, ...argv]: readonly [string, ...string[]],
  { cwd, env = {}, timeoutMs = 600_000 }: ProgramOptions = {},
): Promise<string> {
  const result = await execa(program, argv, {
    env: { ...withoutOurs(host.env), LC_ALL: 'C', ...env },
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
    timeout: timeoutMs,
    cancelSignal: signal,
    windowsHide: true,
    maxBuffer: 8_000_000,
    ...(cwd === undefined ? {} : { cwd }),
  });
  signal.throwIfAborted();
  if (!result.failed) return result.stdout;
  const words = lastWords(`${result.stdout}\n${result.stderr}`);
  const how = result.timedOut
    ? `did not finish in ${timeoutMs / 1000} s`
    : result.exitCode === undefined
      ? 'could not be started'
      : `ended with exit code ${result.exitCode}`;
  throw new AbortError('install-program', `${program} ${how}${words}`, {
    exitCode: ExitCode.rclone,
    cause: result,
  });
}

function lastWords(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  const last = lines.findLast((line) => /^(E:|err)/i.test(line)) ?? lines.findLast(Boolean);
  return last === undefined ? '.' : `: ${redact(last).slice(0, 300)}`;
}
