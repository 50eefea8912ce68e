import { execa } from 'execa';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { redact } from '../../output/redact.ts';
import { withoutOurs } from '../environment.ts';
import type { InstallContext } from './step.ts';
import { platformOf } from '../../platform/platform.ts';

export interface ProgramOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Milliseconds. Default 10 minutes: package managers download too. */
  timeoutMs?: number;
}

/**
 * Runs a package manager to its end and returns what it printed. It gets neither input nor, on
 * systems that have such a thing, the terminal: a question, of sudo too, ends it instead of hanging.
 *
 * @throws AbortError `install-program` (exit code 12) with its last words
 */
export async function runProgram(
  { host, signal }: InstallContext,
  [program, ...argv]: readonly [string, ...string[]],
  { cwd, env = {}, timeoutMs = 600_000 }: ProgramOptions = {},
): Promise<string> {
  signal.throwIfAborted();
  const isLeader = platformOf(host.platform).unix;
  const running = execa(program, argv, {
    env: { ...withoutAsking(withoutOurs(host.env)), LC_ALL: 'C', ...env },
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
    // A session of its own has no terminal that a grandchild could ask on.
    detached: isLeader,
    windowsHide: true,
    maxBuffer: 8_000_000,
    ...(cwd === undefined ? {} : { cwd }),
  });
  const end = (): void => endAll(running, isLeader);
  const limit = AbortSignal.timeout(timeoutMs);
  limit.addEventListener('abort', end, { once: true });
  signal.addEventListener('abort', end, { once: true });
  process.once('exit', end);
  const result = await running.finally(() => {
    limit.removeEventListener('abort', end);
    signal.removeEventListener('abort', end);
    process.removeListener('exit', end);
  });
  signal.throwIfAborted();
  if (!result.failed) return result.stdout;
  const words = lastWords(`${result.stdout}\n${result.stderr}`);
  const how = limit.aborted
    ? `did not finish in ${timeoutMs / 1000} s`
    : result.exitCode === undefined
      ? 'could not be started'
      : `ended with exit code ${result.exitCode}`;
  throw new AbortError('install-program', `${program} ${how}${words}`, {
    exitCode: ExitCode.rclone,
    cause: result,
  });
}

/** The program and what it has started. */
function endAll(
  running: { pid?: number | undefined; kill: (signal: 'SIGTERM') => boolean },
  isLeader: boolean,
): void {
  if (running.pid === undefined) return;
  try {
    if (isLeader) process.kill(-running.pid, 'SIGTERM');
    else running.kill('SIGTERM');
  } catch {
    // It has just ended.
  }
}

/** Without the programs that would ask for a password in a window. */
function withoutAsking(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { SUDO_ASKPASS: _sudo, SSH_ASKPASS: _ssh, GIT_ASKPASS: _git, ...rest } = env;
  return { ...rest, GIT_TERMINAL_PROMPT: '0', DEBIAN_FRONTEND: 'noninteractive' };
}

function lastWords(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  const last = lines.findLast((line) => /^(E:|err)/i.test(line)) ?? lines.findLast(Boolean);
  return last === undefined ? '.' : `: ${redact(last).slice(0, 300)}`;
}
