import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { RcError } from '../rclone/rc-client.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import type { Vfs } from './vfs.ts';

/** How long the storage may take to answer before a mount is given up, in milliseconds. */
const ANSWER_WITHIN_MS = 20_000;

/**
 * Sees that the storage takes the keys, with one request. rclone itself would mount with wrong
 * keys and fail at the first look into the folder.
 *
 * @throws AbortError `credentials-refused` (4), `bucket-missing` (10), `storage-unreachable` (5)
 */
export async function checkCredentials(
  vfs: Pick<Vfs, 'probe'>,
  access: Pick<BucketAccess, 'bucket' | 'endpoint'>,
): Promise<void> {
  try {
    await vfs.probe({ timeoutMs: ANSWER_WITHIN_MS });
  } catch (error) {
    if (!(error instanceof RcError)) throw error;
    throw storageProblem(error, access);
  }
}

/** What the storage said to rclone, as an error for people. */
export function storageProblem(
  error: Error,
  { bucket, endpoint }: Pick<BucketAccess, 'bucket' | 'endpoint'>,
): AbortError {
  const said = error.message;
  if (isRefusal(said)) {
    return new AbortError('credentials-refused', `The storage refuses the keys for ${bucket}.`, {
      exitCode: ExitCode.auth,
      suggestions: ['They may have been revoked or have expired: cloud setup gets new ones.'],
      details: { bucket, endpoint, said },
      cause: error,
    });
  }
  if (/NoSuchBucket/.test(said)) {
    return new AbortError('bucket-missing', `There is no bucket ${bucket} at ${endpoint}.`, {
      exitCode: ExitCode.notSetUp,
      suggestions: ['cloud setup'],
      details: { bucket, endpoint },
      cause: error,
    });
  }
  return new AbortError('storage-unreachable', `The storage at ${endpoint} cannot be reached.`, {
    exitCode: ExitCode.unreachable,
    suggestions: ['Check the network, then run this again.'],
    details: { endpoint, said },
    cause: error,
  });
}

/** Whether the storage's words mean that the keys are wrong, ended, or not for this bucket. */
export function isRefusal(said: string): boolean {
  return /InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|ExpiredToken|InvalidToken|\b40[13]\b|Forbidden/i.test(
    said,
  );
}
