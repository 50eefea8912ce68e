import type { MountCredential } from '../api/contract/mount.ts';
import { storedBucketKey, type Account } from '../session/open.ts';
import { findByName } from './find.ts';

/** A key for the bucket, as the server knows it, and whether it is the one that lies here. */
export interface ListedCredential extends MountCredential {
  this_machine: boolean;
}

export async function listCredentials(account: Account): Promise<ListedCredential[]> {
  const stored = await storedBucketKey(account.secrets, account.context.name);
  const { credentials } = await account.api.listMountCredentials();
  return credentials.map((each) => ({ ...each, this_machine: each.id === stored?.id }));
}

/**
 * Revokes one key (its id or the beginning of it, or its access key), or all that the caller made.
 *
 * @returns those that were revoked
 * @throws AbortError `not-found`, `ambiguous` (2)
 */
export async function revokeCredentials(
  account: Account,
  which: { id: string } | 'mine',
): Promise<ListedCredential[]> {
  const all = await listCredentials(account);
  const chosen =
    which === 'mine'
      ? all.filter(({ mine }) => mine)
      : [findByName(all, which.id, 'key of the bucket', ({ id, access_key: key }) => [id, key])];
  for (const { id } of chosen) await account.api.revokeMountCredential(id);
  return chosen;
}
