import { join } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { acquireLock } from '../platform/lock.ts';
import type { S3Client } from '../s3/client.ts';
import { readBaseline } from './baseline-file.ts';
import { ACCESS_CONTENT, ACCESS_FILE } from './filters/own-files.ts';
import { hashStable } from './local-file.ts';
import { isMarkerOf, readMarker, writeMarker } from './marker.ts';
import type { PairRecord } from './pair.ts';
import { placeAccessFile } from './prepare.ts';
import { foldIn, readLeftovers } from './recover.ts';
import { etagOf, type BaselineEntry } from './versions.ts';

interface Mending {
  host: Host;
  /** The pair's state folder. */
  folder: string;
  record: PairRecord;
  signal: AbortSignal;
}

/**
 * Writes the folder marker of a pair anew, if the folder provably is the pair's: every file that
 * both sides agreed on is there with its content. One that is older, emptied or another's differs,
 * and then it stays a person's decision, because the next run would sync by it.
 *
 * @returns how many files proved it
 * @throws AbortError `not-proven` (78), LockHeldError
 */
export async function mendMarker(mending: Mending): Promise<number> {
  const { record, signal } = mending;
  return locked(mending, async (agreed) => {
    if ((await readMarker(record.root)) !== undefined) throw notProven('it has a marker by now');
    for (const [path, entry] of agreed) {
      signal.throwIfAborted();
      const local = await hashStable(join(record.root, path), waiting(mending));
      if (local?.md5 !== entry.md5) {
        throw notProven(`${path} is ${local === undefined ? 'not there' : 'another version'}`);
      }
    }
    await writeMarker(record);
    return agreed.size;
  });
}

/** Puts the check file back into a folder whose marker says that it is the pair's. */
export async function mendLocalCheckFile(mending: Mending): Promise<void> {
  const { record } = mending;
  await locked(mending, async () => {
    if (!isMarkerOf(await readMarker(record.root), record)) throw notProven('its marker is gone');
    await writeFileAtomic(join(record.root, ACCESS_FILE), ACCESS_CONTENT, { mode: 0o644 });
  });
}

/** So many objects are asked for; a bucket that has all of them as agreed is no other one. */
const PROOFS = 50;

/**
 * Puts the check file back into a bucket that provably is the pair's: objects that both sides agreed
 * on are there in that very version.
 *
 * @returns how many objects proved it
 * @throws AbortError `not-proven` (78), LockHeldError, S3RequestError
 */
export async function mendBucketCheckFile(mending: Mending, s3: S3Client): Promise<number> {
  const { host, signal } = mending;
  return locked(mending, async (agreed) => {
    const asked = [...agreed].slice(0, PROOFS);
    for (const [path, entry] of asked) {
      const head = await s3.head(path, signal);
      if (head?.etag !== etagOf(entry)) {
        throw notProven(`${path} is ${head === undefined ? 'not there' : 'another version'}`);
      }
    }
    await placeAccessFile(s3, host.clock.now());
    return asked.length;
  });
}

async function locked<T>(
  { host, folder }: Mending,
  mend: (agreed: ReadonlyMap<string, BaselineEntry>) => Promise<T>,
): Promise<T> {
  const lock = await acquireLock(join(folder, 'lock'), {
    command: 'cloud doctor --fix',
    clock: host.clock,
  });
  try {
    const stored = await readBaseline(folder);
    if (stored.state !== 'present') throw notProven(`the baseline is ${stored.state}`);
    // A run that was cut off has settled more than the baseline knows.
    const agreed = foldIn(stored.entries, (await readLeftovers(folder)).settled);
    if (agreed.size === 0) throw notProven('there is nothing that both sides agreed on');
    return await mend(agreed);
  } finally {
    lock.release();
  }
}

function waiting({ host, signal }: Mending): (ms: number) => Promise<void> {
  return (ms) => host.clock.sleep(ms, signal);
}

function notProven(reason: string): AbortError {
  return new AbortError('not-proven', `That it is the right one is not proven: ${reason}.`, {
    exitCode: ExitCode.needsPerson,
  });
}
