import type { AuditTrail } from '../domain/audit-trail.ts';
import { findDrift } from '../domain/drift.ts';
import { findUnused, revokeExpired } from '../domain/expiry.ts';
import { deleteOwed, finishUnfinished, type RecoveryDeps } from '../domain/recovery.ts';
import type { TenantAccess } from '../domain/tenant-access.ts';
import type { Purges } from '../domain/tenant-purge.ts';
import { reconcileNotifications, type WebhookFor } from '../events/bucket-notifications.ts';
import type { EventBus } from '../events/event-bus.ts';
import type { EventLog } from '../events/event-log.ts';
import { announceExpiring } from '../events/expiring.ts';
import { forgetOldDeviceCodes } from '../identity/device-codes.ts';
import { forgetOldIdTokens } from '../identity/issuers/token-exchange.ts';
import type { RateLimits } from '../identity/rate-limits.ts';
import { forgetOldSessions } from '../identity/sessions.ts';
import type { Logger } from '../logger.ts';
import type { Job } from './job.ts';

export interface ServerJobDeps extends RecoveryDeps {
  bus: EventBus;
  log: EventLog;
  webhookFor: WebhookFor;
  limits: RateLimits;
  access: TenantAccess;
  purges: Purges;
  bucketPrefix: string;
  trail: AuditTrail;
  userCodeKey: Buffer;
  logger: Pick<Logger, 'warn'>;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Differences. */
const REPORTED = 100;

/** Everything that the servers do without being asked, each by one of them at a time. */
export function serverJobs(deps: ServerJobDeps): Job[] {
  return [
    ...storageJobs(deps),
    ...tenantJobs(deps),
    drift(deps),
    ...eventJobs(deps),
    signIns(deps),
    auditSeal(deps),
  ];
}

function storageJobs(deps: ServerJobDeps): Job[] {
  return [
    {
      name: 'unfinished',
      summary: 'Removes what creations that did not come to their end have left at the storage.',
      everyMs: MINUTE_MS,
      run: async ({ signal }) => ({ ...(await finishUnfinished(deps, signal)) }),
    },
    {
      name: 'deletion-retry',
      summary: 'Deletes keys and policies of revoked credentials that the storage still has.',
      everyMs: MINUTE_MS,
      run: async ({ asked, signal }) => ({ ...(await deleteOwed(deps, { all: asked, signal })) }),
    },
    {
      name: 'expiry',
      summary: 'Revokes bucket keys whose time is over, or that were not confirmed in time.',
      everyMs: 5 * MINUTE_MS,
      canDryRun: true,
      run: async (context) => ({ revoked: await revokeExpired(deps, context) }),
    },
    {
      name: 'orphans',
      summary: 'Reports bucket keys without a sign of use for 30 days; it changes nothing.',
      everyMs: 24 * HOUR_MS,
      canDryRun: true,
      run: async () => ({ unused: await findUnused(deps) }),
    },
  ];
}

function tenantJobs({ access, purges, logger }: ServerJobDeps): Job[] {
  return [
    {
      name: 'tenant-access',
      summary: 'Sets the bucket keys of each tenant active or inactive, as its policy says.',
      everyMs: MINUTE_MS,
      run: async ({ signal }) => {
        const { tenants, failure } = await access.applyAll(signal);
        if (failure !== undefined) throw new Error('Keys were not set.', { cause: failure });
        return { tenants };
      },
    },
    {
      name: 'purge',
      summary: 'Goes on with purges of tenants until they are over.',
      everyMs: MINUTE_MS,
      run: async () => {
        const states = await purges.goOnWithAll();
        const open = states.filter(({ status }) => status !== 'purged');
        for (const { slug, problem } of open) {
          logger.warn({ tenant: slug, problem }, 'a purge is not over');
        }
        return { purged: states.length - open.length, unfinished: open.map(({ slug }) => slug) };
      },
    },
  ];
}

function drift(deps: ServerJobDeps): Job {
  return {
    name: 'drift',
    summary: 'Reports how database and storage differ; it changes nothing.',
    everyMs: 24 * HOUR_MS,
    canDryRun: true,
    run: async () => {
      const found = await findDrift(deps);
      const more = found.length - REPORTED;
      return {
        differences: found
          .slice(0, REPORTED)
          .map(({ finding }) => `${finding.kind} ${finding.name}`),
        ...(more > 0 ? { more } : {}),
      };
    },
  };
}

function eventJobs(deps: ServerJobDeps): Job[] {
  return [
    {
      name: 'notifications',
      summary: 'Has the storage notify this server of changes in every bucket.',
      everyMs: MINUTE_MS,
      run: async ({ signal }) => {
        const { set, failures } = await reconcileNotifications(deps, signal);
        for (const { tenant, error: err } of failures) {
          deps.logger.warn({ err, tenant }, 'the notifications of a bucket could not be set');
        }
        return { set, failed: failures.length };
      },
    },
    {
      name: 'expiring',
      summary: 'Tells clients of bucket keys that end within a day.',
      everyMs: 5 * MINUTE_MS,
      run: async () => ({ announced: await announceExpiring(deps) }),
    },
    {
      name: 'event-log',
      summary: 'Forgets events that are older than a week.',
      everyMs: HOUR_MS,
      run: async () => ({ forgotten: await deps.log.prune() }),
    },
  ];
}

function signIns(deps: ServerJobDeps): Job {
  return {
    name: 'sign-ins',
    summary: 'Forgets sessions, codes, tokens and counted tries that are long over.',
    everyMs: HOUR_MS,
    run: async () => {
      const forgotten = [
        await forgetOldDeviceCodes(deps),
        await forgetOldSessions(deps.db, deps.clock),
        await deps.limits.forgetOld(),
        await forgetOldIdTokens(deps.db, deps.clock),
      ];
      return { forgotten: forgotten.reduce((sum, count) => sum + count, 0) };
    },
  };
}

function auditSeal({ trail }: ServerJobDeps): Job {
  return {
    name: 'audit-seal',
    summary: 'Seals what the audit trail has recorded since the last time.',
    everyMs: MINUTE_MS,
    run: async () => {
      if (await trail.seal()) return {};
      throw new Error('the audit trail was changed from outside: cloud admin audit verify');
    },
  };
}
