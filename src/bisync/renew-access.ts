import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { BucketAccess } from '../session/bucket-access.ts';

/**
 * Another key instead of the one that the storage refused. Asked for once a run: a server that gives
 * the same key again, or none, has said its last word.
 *
 * @throws AbortError `needs-login` (4) when there is no other key, `offline` (5) when the server
 * cannot be asked, `bucket-changed` (78)
 */
export async function renewedAccess(
  old: BucketAccess,
  refusal: unknown,
  renew: () => Promise<BucketAccess>,
): Promise<BucketAccess> {
  const access = await askForAccess(renew);
  if (access.accessKeyId === old.accessKeyId && access.secretAccessKey === old.secretAccessKey) {
    throw refusal;
  }
  // Another bucket has another baseline; what is here must not be compared with it.
  if (access.bucket !== old.bucket || access.tenant.id !== old.tenant.id) {
    throw new AbortError('bucket-changed', 'This account has another bucket by now.', {
      exitCode: ExitCode.needsPerson,
      suggestions: ['To sync this folder with that one: cloud setup'],
      details: { bucket: access.bucket, before: old.bucket },
    });
  }
  return access;
}

async function askForAccess(renew: () => Promise<BucketAccess>): Promise<BucketAccess> {
  try {
    return await renew();
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
    const { message, suggestions, details, exitCode } = error;
    const why = { suggestions, details: { ...details, reason: error.code }, cause: error };
    if (exitCode === ExitCode.unreachable) {
      const text = `The storage refuses the key of this machine, and for another one: ${message}`;
      throw new AbortError('offline', text, { ...why, exitCode });
    }
    throw new AbortError('needs-login', message, { ...why, exitCode: ExitCode.auth });
  }
}
