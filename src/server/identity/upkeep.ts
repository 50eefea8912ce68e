import type { FastifyBaseLogger } from 'fastify';
import type { AuditTrail } from '../domain/audit-trail.ts';
import type { SigningKeys } from '../domain/signing-keys.ts';
import { forgetOldDeviceCodes, type DeviceCodeDeps } from './device-codes.ts';
import type { Floods } from './floods.ts';
import { forgetOldIdTokens } from './issuers/token-exchange.ts';
import { forgetOldSessions } from './sessions.ts';

interface UpkeepDeps extends DeviceCodeDeps {
  keys: SigningKeys;
  floods: Floods;
  trail: AuditTrail;
}

/** Every minute. What fails is logged and left to the next time. */
export async function keepIdentity(deps: UpkeepDeps, logger: FastifyBaseLogger): Promise<void> {
  try {
    await deps.floods.write();
    if (!(await deps.trail.seal())) {
      logger.error('the audit trail was changed from outside: cloud admin audit verify');
    }
    await deps.keys.reload();
    await forgetOldDeviceCodes(deps);
    await forgetOldSessions(deps.db, deps.clock);
    await forgetOldIdTokens(deps.db, deps.clock);
  } catch (err) {
    logger.error({ err }, 'the upkeep of sign-ins failed');
  }
}
