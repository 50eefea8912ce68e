import { join } from 'node:path';
import { AbortError, type ErrorReport } from '../output/errors.ts';
import { ExitCode, WAITS_FOR_PERSON } from '../output/exit-codes.ts';
import type { Log } from '../output/log.ts';
import type { Host } from '../platform/host.ts';
import { acquireLock } from '../platform/lock.ts';
import { currentProcess } from '../platform/processes.ts';
import { commandOf, serviceFiles } from './kinds.ts';
import { readServiceRecord, type ServiceRecord } from './record.ts';
import { readRun, writeRun, type RunRecord } from './run-record.ts';
import { tellPerson } from './tell-person.ts';

export interface ServeDeps {
  /** Whose child it is. launchd cannot choose by exit code, so there a wait for a person ends with 0. */
  manager: 'systemd' | 'launchd' | 'keeper';
  /** The work itself; resolves when it was asked to end. */
  job: (record: ServiceRecord, log: Log) => Promise<void>;
  log: Log;
  reportOf: (error: unknown) => ErrorReport;
  signal: AbortSignal;
  tell: (platform: NodeJS.Platform, text: string) => Promise<void>;
}

/** What ran so long has started well, in milliseconds. */
const STEADY_MS = 60_000;
/** First and longest rest between tries, in milliseconds. */
const REST_MS = [5000, 300_000] as const;
/** At login the keychain may be opened a moment after us. */
const KEYCHAIN_WITHIN_MS = 120_000;
const KEYCHAIN_EVERY_MS = 5000;

/**
 * The process of a service: rests after failures, does the work, and writes down how it ended, so that
 * `status` can tell.
 *
 * @returns the exit code for whoever started it
 * @throws AbortError `service-not-installed` (10); LockHeldError when its process runs already
 */
export async function serveService(
  id: string,
  host: Host,
  { tell = tellPerson, ...deps }: Omit<ServeDeps, 'tell'> & Partial<Pick<ServeDeps, 'tell'>>,
): Promise<number> {
  const { signal, log } = deps;
  const record = await readServiceRecord(host, id);
  if (record === undefined) {
    throw new AbortError('service-not-installed', `There is no service ${id}.`, {
      exitCode: ExitCode.notSetUp,
    });
  }
  const lock = await acquireLock(join(serviceFiles(host.places, id).folder, 'run.lock'), {
    command: commandOf(record.kind),
    clock: host.clock,
  });
  try {
    const started = await rest(id, host, deps);
    const ending = new AbortController();
    const steady = forgetFailures(started, id, host, ending.signal);
    const problem = signal.aborted ? undefined : await work(record, host, deps);
    ending.abort();
    await steady;
    const exitCode = problem?.exitCode ?? ExitCode.ok;
    await writeRun(host, id, {
      ...started,
      ...{ failures: isSteady(started, host) ? 0 : started.failures },
      ...{ state: 'ended', endedAt: timeOf(host), exitCode, problem: problem ?? null },
    });
    if (problem === undefined) log.write('info', 'ended');
    else log.write('error', problem.message, { code: problem.code, exitCode });
    const waits = WAITS_FOR_PERSON.some((code) => code === exitCode);
    if (waits) {
      const { message = '', suggestions = [] } = problem ?? {};
      await tell(host.platform, [message, ...suggestions.slice(0, 1)].join(' '));
    }
    return waits && deps.manager === 'launchd' ? ExitCode.ok : exitCode;
  } finally {
    lock.release();
  }
}

/** Waits after failures, the longer the more there were, and notes the start. */
async function rest(
  id: string,
  host: Host,
  { signal, log }: Pick<ServeDeps, 'signal' | 'log'>,
): Promise<RunRecord> {
  const failures = failuresBefore(await readRun(host, id));
  const [first, longest] = REST_MS;
  // The manager waits a few seconds itself, so the first failure costs no more.
  const waitMs = failures < 2 ? 0 : Math.min(first * 2 ** (failures - 2), longest);
  const run: RunRecord = {
    ...{ version: 1, state: 'running', process: currentProcess(), startedAt: timeOf(host) },
    ...{ failures, restsUntil: null, endedAt: null, exitCode: null, problem: null },
  };
  if (waitMs > 0) {
    const until = new Date(host.clock.now() + waitMs).toISOString();
    log.write('info', `resting until ${until} after ${failures} failures`);
    await writeRun(host, id, { ...run, state: 'resting', restsUntil: until });
    await host.clock.sleep(waitMs, signal).catch(() => undefined);
  }
  const started = { ...run, startedAt: timeOf(host) };
  await writeRun(host, id, started);
  return started;
}

/** How often in a row it has failed; being killed is a failure too. */
function failuresBefore(last: RunRecord | undefined): number {
  if (last === undefined || last.exitCode === ExitCode.ok) return 0;
  // One that was ended while it rested has not tried again.
  return last.state === 'resting' ? last.failures : last.failures + 1;
}

/** What has run for a while has started well: its next failure is the first again. */
async function forgetFailures(
  started: RunRecord,
  id: string,
  host: Host,
  until: AbortSignal,
): Promise<void> {
  if (started.failures === 0) return;
  await host.clock.sleep(STEADY_MS, until).catch(() => undefined);
  if (!until.aborted) await writeRun(host, id, { ...started, failures: 0 });
}

/** @returns what it ended with, undefined when it was asked to end */
async function work(
  record: ServiceRecord,
  host: Host,
  { job, log, reportOf, signal }: Pick<ServeDeps, 'job' | 'log' | 'reportOf' | 'signal'>,
): Promise<ErrorReport | undefined> {
  const deadline = host.clock.now() + KEYCHAIN_WITHIN_MS;
  for (;;) {
    try {
      log.write('info', 'started', { version: record.cliVersion });
      await job(record, log);
      return undefined;
    } catch (error) {
      if (signal.aborted) return undefined;
      const report = reportOf(error);
      if (report.code !== 'no-keychain' || host.clock.now() > deadline) return report;
      log.write('warn', `${report.message} It is tried again for two minutes.`);
      try {
        await host.clock.sleep(KEYCHAIN_EVERY_MS, signal);
      } catch {
        return undefined;
      }
    }
  }
}

function isSteady({ startedAt }: RunRecord, host: Host): boolean {
  return host.clock.now() - Date.parse(startedAt) >= STEADY_MS;
}

function timeOf(host: Host): string {
  return new Date(host.clock.now()).toISOString();
}
