import { StorageError, type StorageProvider } from '../storage/provider.ts';

/** Names at the provider that lead back to one mount credential, and so to its intent. */
export const policyName = (credentialId: string): string => `cloud-mount-${credentialId}`;
export const keyLabel = policyName;

/**
 * Removes key and policy of a credential that was never handed out, whatever of them exists: the
 * key by its label, because a reply that was lost told us no id. Keys with other labels are not
 * touched.
 *
 * @returns whether there was anything
 */
export async function removeLeftovers(
  storage: StorageProvider,
  credentialId: string,
): Promise<boolean> {
  const keys = await storage.findAccessKeys(keyLabel(credentialId));
  for (const key of keys) await storage.deleteAccessKey(key);
  const arn = await storage.findPolicy(policyName(credentialId));
  if (arn !== undefined) await storage.deletePolicy(arn);
  return keys.length > 0 || arn !== undefined;
}

/** The provider does not answer: what else there is to ask can wait as well. */
export function isOutOfReach(error: unknown): boolean {
  return error instanceof StorageError && error.status === 0;
}

/**
 * Whether after this failure the provider may still be about to carry the call out, so that what
 * is not there now may turn up later.
 */
export function mayStillHappen(error: unknown): boolean {
  return error instanceof StorageError && (error.status === 0 || error.status >= 500);
}
