import { execa } from 'execa';
import { redact } from '../output/redact.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { RcloneArgv } from './argv.ts';
import { parseLogLine, type RcloneLogEvent } from './log.ts';
import type { Rclone } from './rclone.ts';

export interface RunOptions {
  /** The whole environment of the child: `rcloneEnvironment(…)`. */
  env: NodeJS.ProcessEnv;
  /** Aborting asks rclone to stop with SIGINT, so that it saves its state, then ends it. */
  signal?: AbortSignal;
  /** Every line of rclone's log, as it comes. */
  onLog?: (event: RcloneLogEvent) => void;
  /** Ends rclone at this line of its log, at once: what was wanted of it is done. */
  until?: (event: RcloneLogEvent) => boolean;
  /** How long rclone may take to stop after an abort, in milliseconds. Default 10 seconds. */
  stopWithinMs?: number;
  /** Ends rclone when it has said nothing for so long, in milliseconds: it may have been stopped. */
  silenceMs?: number;
}

export interface RunResult {
  /** rclone's own; 130 after SIGINT. Undefined when a signal ended it. */
  exitCode: number | undefined;
  /** The signal that ended it, when it did not end by itself. */
  endedBy: NodeJS.Signals | undefined;
  /** Whether it was ended because it had fallen silent. */
  silent: boolean;
  /** Whether the line of `until` came. */
  reached: boolean;
  /** Whether `signal` stopped it. */
  aborted: boolean;
  stdout: string;
  /** The last lines of the log's messages, redacted, for an error's details. */
  tail: string[];
}

const TAIL_LINES = 40;

/**
 * Runs rclone to its end. A non-zero exit code is a result, not an exception: what it means depends
 * on the command.
 *
 * @throws AbortError `rclone-unfit` (exit code 12) when the binary cannot be started
 */
export async function runRclone(
  rclone: Pick<Rclone, 'path'>,
  argv: RcloneArgv,
  options: RunOptions,
): Promise<RunResult> {
  const tail: string[] = [];
  const child = execa(rclone.path, argv, {
    env: options.env,
    extendEnv: false,
    stdin: 'ignore',
    buffer: { stdout: true, stderr: false },
    reject: false,
    killSignal: 'SIGINT',
    forceKillAfterDelay: options.stopWithinMs ?? 10_000,
    windowsHide: true,
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  let [silent, reached] = [false, false];
  // SIGKILL: a process that is stopped hears of nothing else.
  const fallSilent = (): void => {
    silent = true;
    child.kill('SIGKILL');
  };
  const watch =
    options.silenceMs === undefined ? undefined : setTimeout(fallSilent, options.silenceMs);
  for await (const line of child.iterable({ from: 'stderr' })) {
    watch?.refresh();
    const event = parseLogLine(line);
    if (event.type !== 'stats') keepTail(tail, event.message);
    options.onLog?.(event);
    if (!reached && options.until?.(event) === true) {
      reached = true;
      child.kill('SIGKILL');
    }
  }
  const result = await child;
  clearTimeout(watch);
  if (result.exitCode === undefined && result.signal === undefined && !result.isCanceled) {
    throw cannotStart(rclone.path, result.cause ?? result);
  }
  return {
    exitCode: result.exitCode,
    endedBy: result.signal,
    silent,
    reached,
    aborted: result.isCanceled,
    stdout: result.stdout,
    tail,
  };
}

function keepTail(tail: string[], message: string): void {
  tail.push(redact(message.trimEnd()));
  if (tail.length > TAIL_LINES) tail.shift();
}

function cannotStart(path: string, cause: unknown): AbortError {
  const reason = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new AbortError('rclone-unfit', `rclone cannot be started: ${path}${reason}.`, {
    exitCode: ExitCode.rclone,
    suggestions: ['cloud rclone install'],
    cause,
  });
}
