import { realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import { acquireLock } from '../platform/lock.ts';
import { createS3Client } from '../s3/client.ts';
import { readBaseline } from './baseline-file.ts';
import type { BisyncOptions } from './options.ts';
import { checkMarker } from './marker.ts';
import { openPair, readPairs, readRecord } from './pair.ts';
import { isAgreed } from './plan.ts';
import { scanBothSides } from './scan.ts';
import { STATE_MEANINGS } from './states.ts';
import type { BaselineEntry, Version } from './versions.ts';

/** How both sides compare now; nothing is changed. */
export interface CheckResult {
  root: string;
  bucket: string;
  exitCode: ExitCode;
  equal: number;
  onlyLocal: string[];
  onlyRemote: string[];
  different: string[];
  /** Not compared: unreadable here, or with a name that is not synced. */
  skipped: string[];
}

/**
 * Compares a synced folder with its bucket by checksum, under the same filters as a sync.
 *
 * @throws AbortError `never-synced` (10), `halted-marker-missing` (78), `offline` (5) …
 * @throws LockHeldError while a sync is under way
 */
export async function checkBothSides(
  options: Pick<BisyncOptions, 'access' | 'rclone' | 'localRoot' | 'gitignore' | 'signal'>,
  host: Host,
): Promise<CheckResult> {
  const { access, rclone, signal } = options;
  await mustBeKnown(options.localRoot, access.bucket, host);
  const pair = await openPair(host, access, options.localRoot);
  const lock = await acquireLock(join(pair.folder, 'lock'), {
    command: 'cloud check',
    clock: host.clock,
  });
  const s3 = createS3Client(access);
  try {
    await checkMarker(pair, await readRecord(pair.folder));
    const stored = await readBaseline(pair.folder);
    const baseline = stored.state === 'present' ? stored.entries : new Map<string, BaselineEntry>();
    const scan = await scanBothSides(
      {
        ...{ access, rclone, pair, baseline, checkAccess: false, s3, signal },
        gitignore: options.gitignore === true,
      },
      host,
    );
    const paths = [...new Set([...scan.local.keys(), ...scan.remote.keys()])].sort();
    const onlyLocal = paths.filter((path) => !scan.remote.has(path));
    const onlyRemote = paths.filter((path) => !scan.local.has(path));
    const both = paths.filter((path) => scan.local.has(path) && scan.remote.has(path));
    const different = both.filter(
      (path) => !isEqual(scan.local.get(path), scan.remote.get(path), baseline.get(path)),
    );
    const differences = onlyLocal.length + onlyRemote.length + different.length;
    return {
      ...{ root: pair.root, bucket: pair.bucket, onlyLocal, onlyRemote, different },
      exitCode: differences === 0 ? ExitCode.ok : ExitCode.differences,
      equal: both.length - different.length,
      skipped: [...scan.leftOut.map(({ path }) => path), ...scan.unreadableNames],
    };
  } finally {
    s3.close();
    lock.release();
  }
}

/** Without an MD5 in the bucket, both must be what was agreed on. */
function isEqual(
  local: Version | undefined,
  remote: Version | undefined,
  agreed: BaselineEntry | undefined,
): boolean {
  if (local === undefined || remote === undefined || local.size !== remote.size) return false;
  if (local.md5 !== null && remote.md5 !== null) return local.md5 === remote.md5;
  return agreed !== undefined && isAgreed(local, agreed) && isAgreed(remote, agreed);
}

export async function mustBeKnown(localRoot: string, bucket: string, host: Host): Promise<void> {
  const wanted = resolve(localRoot);
  const real = await realpath(wanted).catch(() => wanted);
  const known = await readPairs(host);
  if (known.some((pair) => pair.bucket === bucket && [wanted, real].includes(pair.root))) return;
  const { exitCode, nextStep } = STATE_MEANINGS['never-synced'];
  throw new AbortError('never-synced', `${wanted} has not been synced with this bucket yet.`, {
    exitCode,
    suggestions: nextStep === undefined ? [] : [nextStep],
  });
}
