import type { ApiClient } from '../api/client.ts';
import { checked } from '../api/checked.ts';
import {
  ChangeTenant,
  CreateTenant,
  SetPolicy,
  type AbandonedState,
  type CreatedTenant,
  type PurgeState,
  type TenantDetail,
} from '../api/contract/admin.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';
import type { Clock } from '../platform/clock.ts';

export interface WantedTenant {
  slug: string;
  name: string;
  issueApiKey: boolean;
  syncUrl?: string | undefined;
  region?: string | undefined;
}

/** @throws AbortError `invalid-field` (2) before the server is asked; the server's refusals */
export async function addTenant(
  client: Pick<ApiClient, 'createTenant'>,
  { slug, name, issueApiKey: issue_api_key, syncUrl: sync_url, region }: WantedTenant,
): Promise<CreatedTenant> {
  return createTenant(client, checkTenant({ slug, name, issue_api_key, sync_url, region }));
}

/** @throws AbortError `invalid-field` (2) */
export function checkTenant(body: unknown): CreateTenant {
  return checked(CreateTenant, body, COMPLAINTS);
}

export async function createTenant(
  client: Pick<ApiClient, 'createTenant'>,
  body: CreateTenant,
): Promise<CreatedTenant> {
  const tenant = await client.createTenant(body);
  if (tenant.api_key !== null) registerSecret(tenant.api_key);
  return tenant;
}

export interface TenantChange {
  name?: string | undefined;
  /** Empty: none. */
  syncUrl?: string | undefined;
  /** How many at most, or `default`. */
  maxKeys?: string | undefined;
  maxKeysPerUser?: string | undefined;
  maxTokens?: string | undefined;
}

/** @throws AbortError as `addTenant`; `usage` (2) when nothing is to be changed */
export async function changeTenant(
  client: Pick<ApiClient, 'changeTenant'>,
  ref: string,
  { name, syncUrl, maxKeys, maxKeysPerUser, maxTokens }: TenantChange,
): Promise<TenantDetail> {
  const limits = {
    mount_credentials: toLimit(maxKeys),
    mount_credentials_per_user: toLimit(maxKeysPerUser),
    tokens: toLimit(maxTokens),
  };
  const hasLimits = Object.values(limits).some((limit) => limit !== undefined);
  if (name === undefined && syncUrl === undefined && !hasLimits) {
    throw new AbortError('usage', 'Give --name, --sync-url or one of the limits.', {
      exitCode: ExitCode.usage,
    });
  }
  const sync_url = syncUrl === '' ? null : syncUrl;
  const body = { name, sync_url, ...(hasLimits ? { limits } : {}) };
  return client.changeTenant(ref, checked(ChangeTenant, body, COMPLAINTS));
}

function toLimit(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  if (text === 'default') return null;
  return /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
}

/** @throws AbortError `invalid-field` (2); `slug-taken`, `slug-reserved` */
export async function renameTenant(
  client: Pick<ApiClient, 'changeTenant'>,
  ref: string,
  slug: string,
): Promise<TenantDetail> {
  return client.changeTenant(ref, checked(ChangeTenant, { slug }, COMPLAINTS));
}

/** @throws AbortError `invalid-field` (2); `tenant-not-found` */
export async function setTenantPolicy(
  client: Pick<ApiClient, 'setTenantPolicy'>,
  ref: string,
  policy: 'allowed' | 'denied',
  reason: string | undefined,
): Promise<TenantDetail> {
  return client.setTenantPolicy(ref, checked(SetPolicy, { policy, reason }, COMPLAINTS));
}

const ASK_EVERY_MS = 2000;

/**
 * Purges a tenant and waits until it is over.
 *
 * @throws AbortError `purge-not-over` (5) when something at the server keeps it from ending; it goes
 *   on by itself
 */
export async function purgeTenant(
  client: Pick<ApiClient, 'purgeTenant'>,
  tenant: { id: string; slug: string },
  { clock, signal }: { clock: Clock; signal: AbortSignal },
  onWait: () => void,
): Promise<PurgeState> {
  for (;;) {
    const state = await askAgain(client, tenant);
    if (state.status === 'purged') return state;
    if (state.problem !== null) {
      throw new AbortError('purge-not-over', `The purge is not over: ${state.problem}`, {
        exitCode: ExitCode.unreachable,
        suggestions: [
          'The server goes on by itself, every minute. If the storage refuses for ever: cloud admin tenant abandon',
        ],
        details: { id: state.id, slug: state.slug, status: state.status },
      });
    }
    onWait();
    await clock.sleep(ASK_EVERY_MS, signal);
  }
}

/**
 * What would be left at the storage.
 *
 * @throws AbortError `nothing-to-abandon`
 */
export async function planAbandoning(
  client: Pick<ApiClient, 'planAbandon'>,
  ref: string,
): Promise<AbandonedState> {
  const plan = await client.planAbandon(ref);
  if (plan.left.length > 0 || plan.status === 'purging') return plan;
  throw new AbortError(
    'nothing-to-abandon',
    `No purge of ${plan.slug} is stuck, and no deletion of its keys has failed for good.`,
  );
}

/** Between two questions it may have ended, and then there is no such tenant. */
async function askAgain(
  client: Pick<ApiClient, 'purgeTenant'>,
  { id, slug }: { id: string; slug: string },
): Promise<PurgeState> {
  try {
    return await client.purgeTenant(id, slug);
  } catch (error) {
    if (!(error instanceof AbortError) || error.code !== 'tenant-not-found') throw error;
    return { id, slug, status: 'purged', problem: null };
  }
}

const COMPLAINTS: Readonly<Record<string, string>> = {
  slug: 'A slug has 3 to 40 lower-case letters, digits and hyphens, and no hyphen at its ends.',
  name: 'A name has 1 to 200 characters.',
  sync_url: 'The sync address is an https address without a user name or password.',
  region: 'Regions are names like fra or usa, several with commas between them.',
  limits: 'A limit is a whole number from 0 to 100,000, or the word default.',
  reason: 'A reason has 1 to 100 characters on one line, with no space at its ends.',
};
