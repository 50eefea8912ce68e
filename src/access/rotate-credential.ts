import type { MountCredential, MountCredentialWithSecret } from '../api/contract/mount.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import { acquireLock } from '../platform/lock.ts';
import { isS3Failure } from '../s3/errors.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import {
  bucketKeyLock,
  endBucketKeyIfThere,
  storeBucketKey,
  succeedBucketKey,
} from '../session/bucket-key.ts';
import { notSetUp, storedBucketKey, toBucketAccess, type Session } from '../session/open.ts';

export interface RotateDeps {
  host: Host;
  signal: AbortSignal;
  /**
   * Gets what runs on this machine to use the stored key.
   *
   * @returns folders of mounts and watchers that still use another one
   */
  switchUsers: (
    contextName: string,
    stored: Pick<MountCredentialWithSecret, 'id' | 'bucket_name'>,
  ) => Promise<string[]>;
  report?: (step: RotateStep) => void;
  /** Sees that the bucket takes the key. */
  tryKey?: (access: BucketAccess, signal: AbortSignal) => Promise<void>;
}

export type RotateStep = 'issued' | 'resumed' | 'verified' | 'stored' | 'switched' | 'revoked';

export interface RotatedCredential {
  context: string;
  bucket: string;
  id: string;
  /** The key before, and whether it is revoked. */
  replaced: { id: string; revoked: boolean };
  /** Mounts and watched folders that still use the old key, which therefore stays valid; run again, it goes on. */
  still_in_use_by: string[];
}

/**
 * Replaces this machine's bucket key while it is in use: a new key beside the old one, tried on the
 * bucket, stored, taken over by running mounts and watchers, and only then is the old one revoked. Interrupted
 * anywhere, it goes on when it is run again: until the old one is gone, the server says which key
 * takes whose place.
 *
 * @throws AbortError `not-set-up` (10), `new-key-refused` (5)
 */
export async function rotateBucketKey(
  session: Session,
  deps: RotateDeps,
): Promise<RotatedCredential> {
  const { api, context, secrets } = session;
  const { host, signal, report = () => undefined } = deps;
  const lock = await acquireLock(bucketKeyLock(host), {
    command: 'rotation of the bucket key',
    waitMs: 60_000,
    clock: host.clock,
  });
  let current: MountCredentialWithSecret;
  let oldId: string;
  try {
    const stored = await storedBucketKey(secrets, context.name);
    if (stored?.tenant_id !== context.tenant.id) throw notSetUp();
    const { credentials } = await api.listMountCredentials();
    const unfinished = predecessorOf(credentials, stored.id);
    if (unfinished === undefined) {
      ({ key: current, oldId } = await succeedBucketKey(session, stored, credentials));
      report('issued');
      await verified(toBucketAccess(context, current), deps);
      report('verified');
      await storeBucketKey(session, current);
      report('stored');
    } else {
      oldId = unfinished;
      current = stored;
      await api.confirmMountCredential(stored.id);
      report('resumed');
    }
  } finally {
    lock.release();
  }
  signal.throwIfAborted();
  const inUse = await deps.switchUsers(context.name, current);
  if (inUse.length === 0) {
    report('switched');
    await endBucketKeyIfThere(session, oldId);
    report('revoked');
  }
  return {
    ...{ context: context.name, bucket: current.bucket_name, id: current.id },
    replaced: { id: oldId, revoked: inUse.length === 0 },
    still_in_use_by: inUse,
  };
}

/** The key whose place this one has taken and that is still there, from a rotation that was cut off. */
function predecessorOf(credentials: readonly MountCredential[], id: string): string | undefined {
  const before = credentials.find((each) => each.id === id)?.replaces ?? undefined;
  return credentials.some((each) => each.id === before) ? before : undefined;
}

/** A key may take a moment until every part of the storage knows it. */
const TRIES = 8;

async function verified(access: BucketAccess, deps: RotateDeps): Promise<void> {
  const { host, signal, tryKey = askBucket } = deps;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await tryKey(access, signal);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (attempt >= TRIES) throw refused(access, error);
    }
    await host.clock.sleep(Math.min(8000, 250 * 2 ** attempt), signal);
  }
}

async function askBucket(access: BucketAccess, signal: AbortSignal): Promise<void> {
  const { createS3Client } = await import('../s3/client.ts');
  // A name that is hardly there: what counts is that the question is allowed.
  await createS3Client(access).list('.cloud-key-check', signal);
}

function refused({ bucket }: BucketAccess, cause: unknown): AbortError {
  const why = isS3Failure(cause, 'denied') ? 'refuses it' : 'does not answer';
  return new AbortError(
    'new-key-refused',
    `The new key was not taken into use: the bucket ${bucket} ${why}. The old one goes on working.`,
    { exitCode: ExitCode.unreachable, suggestions: ['Try again in a moment.'], cause },
  );
}
