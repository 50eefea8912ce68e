import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { ExitCode, WAITS_FOR_PERSON } from '../output/exit-codes.ts';
import type { Log } from '../output/log.ts';
import type { Clock } from '../platform/clock.ts';

export interface KeepRequest {
  /** Program and arguments of the service's process. */
  command: readonly string[];
  environment: NodeJS.ProcessEnv;
  /** A file that asks to end. */
  stop: string;
  log: Log;
  clock: Clock;
  signal: AbortSignal;
}

const LOOK_EVERY_MS = 500;
const AGAIN_AFTER_MS = 5000;

/**
 * Does for a service what launchd and systemd do by themselves and the Task Scheduler does not: gives
 * it its environment, starts it again when it has failed, and ends it in order when asked to.
 *
 * @returns the exit code of the process that was not started again
 */
export async function keepRunning(request: KeepRequest): Promise<number> {
  const { stop, clock, signal, log } = request;
  rmSync(stop, { force: true });
  const ended = (): boolean => signal.aborted || existsSync(stop);
  for (;;) {
    const exitCode = await runOnce(request, ended);
    const waits = WAITS_FOR_PERSON.some((code) => code === exitCode);
    if (exitCode === ExitCode.ok || waits || ended()) {
      rmSync(stop, { force: true });
      return exitCode;
    }
    log.write('warn', `it ended with ${exitCode} and is started again`);
    await clock.sleep(AGAIN_AFTER_MS, signal).catch(() => undefined);
    if (ended()) return ExitCode.ok;
  }
}

async function runOnce(request: KeepRequest, ended: () => boolean): Promise<number> {
  const [program = '', ...args] = request.command;
  const child = spawn(program, args, {
    env: request.environment,
    // By the channel it hears that it should end, where there are no signals.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    windowsHide: true,
  });
  const look = setInterval(() => {
    if (!ended()) return;
    clearInterval(look);
    if (child.connected) child.send('end', () => undefined);
  }, LOOK_EVERY_MS);
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? ExitCode.failed;
  } finally {
    clearInterval(look);
  }
}
