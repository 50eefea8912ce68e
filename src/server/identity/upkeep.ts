import type { SigningKeys } from '../domain/signing-keys.ts';
import type { Logger } from '../logger.ts';
import type { Floods } from './floods.ts';

/** What each process does for itself every minute. What fails is logged and left to the next time. */
export async function keepIdentity(
  { keys, floods }: { keys: SigningKeys; floods: Floods },
  logger: Pick<Logger, 'error'>,
): Promise<void> {
  try {
    await floods.write();
    await keys.reload();
  } catch (err) {
    logger.error({ err }, 'the upkeep of sign-ins failed');
  }
}
