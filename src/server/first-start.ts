import type { FastifyInstance } from 'fastify';
import { adminTokenFile } from '../api/contract/local-server.ts';
import { seedTenants } from './domain/bootstrap-tenants.ts';
import { bootstrap, seedOwner, type BootstrapResult } from './domain/bootstrap.ts';
import type { TenantDeps } from './domain/tenants.ts';
import type { ServerSettings } from './settings.ts';

/** The first admin token and the first owner. @returns the file that has the token, if it is in one */
export async function seedAccounts(
  app: FastifyInstance,
  deps: Parameters<typeof seedOwner>[0],
  settings: Pick<ServerSettings, 'dataFolder' | 'seedToken' | 'seedOwner'>,
): Promise<string | null> {
  const seeded = await bootstrap({
    db: deps.db,
    clock: deps.clock,
    seedToken: settings.seedToken,
    tokenFile: adminTokenFile(settings.dataFolder),
  });
  logBootstrap(app, seeded);
  const first = await seedOwner(deps, settings.seedOwner);
  if (first === 'ignored')
    app.log.warn('CLOUD_SERVER_ADMIN_USERNAME is ignored: see the audit trail');
  if (first === 'seeded') app.log.info('the first owner was made');
  return seeded.tokenFile;
}

export async function seedFirstTenants(
  app: FastifyInstance,
  deps: TenantDeps,
  slugs: readonly string[],
): Promise<void> {
  try {
    const outcome = await seedTenants(deps, slugs);
    if (outcome === 'ignored') {
      app.log.warn('CLOUD_SERVER_ALLOWED_TENANTS is ignored: tenants are administered by now');
    }
    if (outcome === 'seeded') app.log.info('the first tenants were added');
  } catch (err) {
    // The next start goes on with it.
    app.log.error({ err }, 'not all of CLOUD_SERVER_ALLOWED_TENANTS could be added');
  }
}

function logBootstrap(app: FastifyInstance, { outcome, reason, tokenFile }: BootstrapResult): void {
  if (outcome === 'ignored') {
    app.log.warn({ reason }, 'CLOUD_SERVER_TOKEN is ignored: it only seeds the first admin token');
  } else if (outcome !== 'unchanged') {
    app.log.info({ outcome, tokenFile }, 'the first admin token is in force');
  }
}
