import { join } from 'node:path';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { redact } from '../../output/redact.ts';
import type { Host } from '../../platform/host.ts';
import { acquireLock } from '../../platform/lock.ts';
import { findRclone, lookForRclone, noSuitableRclone } from '../find.ts';
import type { Rclone } from '../rclone.ts';
import { aptPackage } from './apt.ts';
import { officialZip } from './official.ts';
import { packageManagers } from './package-managers.ts';
import { archiveFor, OFFICIAL_SITE } from './release.ts';
import {
  INSTALL_METHODS,
  type InstallContext,
  type InstallEvent,
  type InstallMethod,
  type InstallStep,
} from './step.ts';

export interface InstallOptions {
  /** Only this way, also where a suitable rclone is there already. */
  method?: InstallMethod | undefined;
  /** With `method`: only where no suitable rclone is there. */
  onlyIfMissing?: boolean;
  /** Another place that holds the official zips; else `CLOUD_RCLONE_MIRROR`. */
  mirror?: string | undefined;
  signal?: AbortSignal;
}

/** `changed` is false when what was there already serves. */
export interface InstallResult {
  rclone: Rclone;
  changed: boolean;
}

export interface InstallDeps {
  /** In the order in which they are tried. */
  steps: readonly InstallStep[];
  arch: string;
}

type Report = (event: InstallEvent) => void;

/**
 * Leaves a suitable rclone on this machine: what is there is taken and never touched; else the
 * ways to get one are tried in order, each with its reason when it is passed over.
 *
 * @throws AbortError `rclone-not-installed` (exit code 12) with all the reasons and the commands
 *   for a person
 */
export async function installRclone(
  options: InstallOptions,
  host: Host,
  report: Report,
  deps: Partial<InstallDeps> = {},
): Promise<InstallResult> {
  if (options.method === 'existing') {
    return { rclone: kept(await findRclone({}, host), report), changed: false };
  }
  const takeExisting = options.method === undefined || options.onlyIfMissing === true;
  const existing = takeExisting ? await suitable(host, report) : undefined;
  if (existing !== undefined) return { rclone: kept(existing, report), changed: false };
  return locked(host, options, async () => {
    const meanwhile = takeExisting ? await suitable(host) : undefined;
    if (meanwhile !== undefined) return { rclone: kept(meanwhile, report), changed: false };
    const context = contextOf(options, host, report, deps);
    return { rclone: await tryAll(stepsOf(options, deps), context), changed: true };
  });
}

/** The rclone to use, installed first where there is none: for set-up. */
export async function ensureRclone(
  options: InstallOptions & { path?: string | undefined },
  host: Host,
  report: Report,
): Promise<Rclone> {
  if (options.path !== undefined || (host.env['CLOUD_RCLONE'] ?? '') !== '') {
    return findRclone(options, host);
  }
  const method = INSTALL_METHODS.find((each) => each === host.env['CLOUD_RCLONE_METHOD']);
  return (await installRclone({ method, onlyIfMissing: true, ...options }, host, report)).rclone;
}

/**
 * Replaces our private copy by a newer one where there is one. Another rclone that is in use is
 * its owner's business.
 *
 * @throws AbortError `rclone-not-ours` (exit code 12)
 */
export async function updateRclone(
  options: InstallOptions,
  host: Host,
  report: Report,
  deps: Partial<InstallDeps> = {},
): Promise<InstallResult> {
  const current = await findRclone({}, host);
  if (current.origin !== 'private') {
    throw new AbortError(
      'rclone-not-ours',
      `${current.path} (${current.version}) was not installed by cloud, so cloud does not change it.`,
      {
        exitCode: ExitCode.rclone,
        suggestions: [
          'Update it the way it was installed.',
          'cloud rclone install --method official',
        ],
      },
    );
  }
  return locked(host, options, async () => {
    const context = { ...contextOf(options, host, report, deps), newerThan: current.version };
    const attempts: Attempt[] = [];
    const rclone = await firstThatWorks(stepsOf(options, deps), context, attempts);
    if (rclone !== undefined) return { rclone, changed: true };
    const unreachable = attempts.find(({ code }) => code === 'download-failed');
    if (
      unreachable !== undefined &&
      attempts.every(({ tried, code }) => !tried || code === 'download-failed')
    ) {
      throw new AbortError('download-failed', unreachable.reason, {
        exitCode: ExitCode.unreachable,
      });
    }
    return { rclone: current, changed: false };
  });
}

/** The one that is there, or undefined; why each that is there is passed over is reported. */
async function suitable(host: Host, report: Report = () => undefined): Promise<Rclone | undefined> {
  const { rclone, refusals } = await lookForRclone({}, host);
  if (rclone !== undefined) return rclone;
  if ((host.env['CLOUD_RCLONE'] ?? '') !== '') throw noSuitableRclone(refusals);
  const reasons = refusals.map(({ path, reason }) => `${path}: ${reason}`);
  for (const reason of reasons.length === 0 ? ['there is none'] : reasons) {
    report({ type: 'passed-over', method: 'existing', reason });
  }
  return undefined;
}

function kept(rclone: Rclone, report: Report): Rclone {
  report({ type: 'kept', path: rclone.path, version: rclone.version });
  return rclone;
}

function stepsOf({ method }: InstallOptions, deps: Partial<InstallDeps>): readonly InstallStep[] {
  const steps = deps.steps ?? [officialZip(), aptPackage(), ...packageManagers()];
  return method === undefined ? steps : steps.filter((step) => step.method === method);
}

function contextOf(
  { mirror, signal }: InstallOptions,
  host: Host,
  report: Report,
  deps: Partial<InstallDeps>,
): InstallContext {
  const named = mirror ?? host.env['CLOUD_RCLONE_MIRROR'] ?? '';
  return {
    host,
    arch: deps.arch ?? process.arch,
    mirror: named === '' ? undefined : named,
    newerThan: undefined,
    signal: signal ?? new AbortController().signal,
    report,
  };
}

async function locked<T>(host: Host, options: InstallOptions, work: () => Promise<T>): Promise<T> {
  const lock = await acquireLock(join(host.places.state, 'locks', 'rclone-install.lock'), {
    command: 'cloud rclone install',
    // A first installation in another terminal is worth waiting for.
    waitMs: 300_000,
    clock: host.clock,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  try {
    return await work();
  } finally {
    lock.release();
  }
}

interface Attempt {
  method: InstallMethod;
  reason: string;
  code: string;
  tried: boolean;
}

async function tryAll(steps: readonly InstallStep[], context: InstallContext): Promise<Rclone> {
  const attempts: Attempt[] = [];
  const rclone = await firstThatWorks(steps, context, attempts);
  if (rclone === undefined) throw nothingWorked(steps, attempts, context);
  return rclone;
}

async function firstThatWorks(
  steps: readonly InstallStep[],
  context: InstallContext,
  attempts: Attempt[],
): Promise<Rclone | undefined> {
  for (const step of steps) {
    const passOver = (attempt: Omit<Attempt, 'method'>): void => {
      attempts.push({ method: step.method, ...attempt });
      context.report({ type: 'passed-over', method: step.method, reason: attempt.reason });
    };
    const reason = await step.unusable(context);
    if (reason !== undefined) {
      passOver({ reason, code: 'unusable', tried: false });
      continue;
    }
    context.report({ type: 'started', method: step.method, title: step.title });
    try {
      return await step.install(context);
    } catch (error) {
      context.signal.throwIfAborted();
      passOver({ ...explain(error), tried: true });
    }
  }
  return undefined;
}

/** The reason of a failure that another way may not have; anything else is thrown on. */
function explain(error: unknown): { reason: string; code: string } {
  if (error instanceof AbortError && error.exitCode !== ExitCode.usage) {
    return { reason: redact(error.message), code: error.code };
  }
  if (error instanceof Error && 'syscall' in error && 'code' in error) {
    return { reason: redact(error.message), code: String(error.code) };
  }
  throw error;
}

function nothingWorked(
  steps: readonly InstallStep[],
  attempts: readonly Attempt[],
  context: InstallContext,
): AbortError {
  const tried = attempts.filter((attempt) => attempt.tried);
  const shown = tried.length > 0 ? tried : attempts;
  const reasons = shown.map(({ method, reason }) => `${method}: ${reason.replace(/\.$/, '')}`);
  return new AbortError(
    'rclone-not-installed',
    `rclone could not be installed (${reasons.join('; ')}).`,
    {
      exitCode: ExitCode.rclone,
      suggestions: [...byHand(steps, attempts), ...bySelf(context)],
      details: { attempts },
    },
  );
}

/** The package managers that are here, but want root. */
function byHand(steps: readonly InstallStep[], attempts: readonly Attempt[]): string[] {
  const wanting = attempts.filter(({ reason }) => reason.startsWith('needs root'));
  return wanting.flatMap(
    ({ method }) => steps.find((step) => step.method === method)?.byHand ?? [],
  );
}

function bySelf({ host, arch }: InstallContext): string[] {
  const archive = archiveFor({ platform: host.platform, arch }, OFFICIAL_SITE);
  const fetched =
    archive === undefined
      ? []
      : [`Or unpack ${archive.url.href} and name the binary: CLOUD_RCLONE=/path/of/rclone`];
  return [
    ...(host.platform === 'darwin' ? ['brew install rclone'] : []),
    ...(host.platform === 'win32' ? ['winget install --id Rclone.Rclone'] : []),
    'cloud rclone install --mirror https://your-mirror',
    ...fetched,
  ];
}
