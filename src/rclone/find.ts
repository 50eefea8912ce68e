import { resolve } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import { binaryName, readPrivateCopy } from './private-copy.ts';
import { probeRclone } from './probe.ts';
import type { Rclone, RcloneOrigin } from './rclone.ts';
import { findOnPath } from './search-path.ts';

/** A binary that was looked at and not taken. */
export interface Refusal {
  path: string;
  origin: RcloneOrigin;
  reason: string;
}

/**
 * The rclone to use: `path` (from a flag), else `CLOUD_RCLONE`, else our private copy, else the
 * first suitable one on PATH. One that a person named must itself be suitable; nothing else is
 * taken in its place. Nothing is installed, changed or asked of the network. `fresh` asks the
 * binaries again instead of taking what is remembered of them.
 *
 * @throws AbortError `rclone-missing` or `rclone-unfit`, exit code 12, with each refusal's reason
 */
export async function findRclone(
  options: { path?: string | undefined; fresh?: boolean },
  host: Host,
): Promise<Rclone> {
  const { rclone, refusals } = await lookForRclone(options, host);
  if (rclone === undefined) throw noSuitableRclone(refusals);
  return rclone;
}

/** The same without an error: what was found, and what was looked at before and not taken. */
export async function lookForRclone(
  options: { path?: string | undefined; fresh?: boolean },
  host: Host,
): Promise<{ rclone: Rclone | undefined; refusals: Refusal[] }> {
  const refusals: Refusal[] = [];
  for (const candidate of await candidates(options, host)) {
    const probe = await probeRclone(candidate.path, host, options);
    if (probe.fit) {
      const { version, capabilities } = probe;
      return { rclone: { ...candidate, version, capabilities }, refusals };
    }
    refusals.push({ ...candidate, reason: probe.reason });
  }
  return { rclone: undefined, refusals };
}

type Candidate = Pick<Rclone, 'path' | 'origin'>;

async function candidates(
  options: { path?: string | undefined },
  host: Host,
): Promise<Candidate[]> {
  if (options.path !== undefined) return [{ path: resolve(options.path), origin: 'flag' }];
  const named = host.env['CLOUD_RCLONE'] ?? '';
  if (named !== '') return [{ path: resolve(named), origin: 'environment' }];
  const copy = await readPrivateCopy(host);
  return [
    ...(copy === undefined ? [] : [{ path: copy.path, origin: 'private' as const }]),
    ...(await findOnPath(binaryName(host), host)).map((path) => ({
      path,
      origin: 'path' as const,
    })),
  ];
}

/** The error for a machine on which there is none, with each refusal's reason. */
export function noSuitableRclone(refusals: readonly Refusal[]): AbortError {
  const suggestions = ['cloud rclone install'];
  const [first] = refusals;
  if (first === undefined) {
    return new AbortError('rclone-missing', 'rclone is not installed.', {
      exitCode: ExitCode.rclone,
      suggestions,
    });
  }
  const reasons = refusals.map(({ path, reason }) => `${path}: ${reason}`).join('; ');
  return new AbortError('rclone-unfit', `No suitable rclone: ${reasons}.`, {
    exitCode: ExitCode.rclone,
    suggestions:
      first.origin === 'flag' || first.origin === 'environment'
        ? ['Name another binary, or none to use our own.', ...suggestions]
        : suggestions,
    details: { refusals },
  });
}
