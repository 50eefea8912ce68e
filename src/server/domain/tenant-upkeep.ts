import type { FastifyBaseLogger } from 'fastify';
import type { TenantAccess } from './tenant-access.ts';
import type { Purges } from './tenant-purge.ts';

/** Goes on with what a provider or a crash kept from being done. What fails is left to the next time. */
export async function keepTenants(
  { access, purges }: { access: TenantAccess; purges: Purges },
  logger: FastifyBaseLogger,
): Promise<void> {
  try {
    const { tenants, failure } = await access.applyAll();
    if (tenants > 0) logger.info({ tenants }, 'bucket keys were set as the policies say');
    if (failure !== undefined) logger.warn({ err: failure }, 'bucket keys could not be set');
    for (const { slug, status, problem } of await purges.goOnWithAll()) {
      if (status === 'purged') logger.info({ tenant: slug }, 'a purge is over');
      else logger.warn({ tenant: slug, problem }, 'a purge is not over');
    }
  } catch (err) {
    logger.error({ err }, 'the upkeep of tenants failed');
  }
}
