import { hostname } from 'node:os';
import { join } from 'node:path';
import type { MountCredential, MountCredentialWithSecret } from '../api/contract/mount.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import { acquireLock } from '../platform/lock.ts';
import type { BucketAccess } from './bucket-access.ts';
import { storedBucketKey, toBucketAccess, type Session } from './open.ts';
import { STORED } from './tokens.ts';

/** A key that ends sooner than this is replaced. */
const RENEW_BEFORE_MS = 24 * 3_600_000;

export interface BucketKeyResult {
  access: BucketAccess;
  /** `replaced`: there was one, which the server no longer accepts or which ends soon. */
  how: 'reused' | 'issued' | 'replaced';
}

/**
 * This machine's bucket key: the stored one while the server still knows it, else a new one,
 * labelled with the machine's name. A replaced key is revoked, so that set-ups do not pile up keys.
 *
 * @throws AbortError `other-tenant` (4)
 */
export async function ensureBucketKey(session: Session, host: Host): Promise<BucketKeyResult> {
  // A mount and a sync may find the same key ended; the second takes what the first was given.
  const lock = await acquireLock(bucketKeyLock(host), {
    command: 'renewal of the bucket key',
    waitMs: 60_000,
    clock: host.clock,
  });
  try {
    return await ensured(session, host);
  } finally {
    lock.release();
  }
}

async function ensured(session: Session, host: Host): Promise<BucketKeyResult> {
  const { api, context, secrets } = session;
  await refuseOtherTenant(session);
  const stored = await storedBucketKey(secrets, context.name);
  if (stored?.tenant_id === context.tenant.id && (await stillGood(session, stored, host))) {
    await api.confirmMountCredential(stored.id);
    return { access: toBucketAccess(context, stored), how: 'reused' };
  }
  const issued = await issueBucketKey(session);
  await storeBucketKey(session, issued);
  if (stored !== undefined) await endBucketKeyIfThere(session, stored.id);
  return {
    access: toBucketAccess(context, issued),
    how: stored === undefined ? 'issued' : 'replaced',
  };
}

/** In seconds: should this end before the key is stored, the server takes it back. */
const CONFIRM_WITHIN = { confirm_within: 3600 };

/** Another key, labelled with this machine's name. */
async function issueBucketKey({ api }: Session): Promise<MountCredentialWithSecret> {
  return api.createMountCredential({
    description: `cloud on ${hostname()}`,
    ...CONFIRM_WITHIN,
  });
}

/**
 * Another key in place of the stored one. One that is not in force any more cannot be rotated; but if it was
 * a successor that was not confirmed in time, the one before it is still in use and can.
 *
 * @param credentials those in force
 * @returns `oldId`: whose place it takes
 */
export async function succeedBucketKey(
  session: Session,
  stored: MountCredentialWithSecret,
  credentials: readonly MountCredential[],
): Promise<{ key: MountCredentialWithSecret; oldId: string }> {
  const oldId = [stored.id, stored.replaces].find((id) =>
    credentials.some((each) => each.id === id),
  );
  if (oldId === undefined) return { key: await issueBucketKey(session), oldId: stored.id };
  return { key: await session.api.rotateMountCredential(oldId, CONFIRM_WITHIN), oldId };
}

/** `CLOUD_TOKEN` may be of another tenant than the context that is in use. */
async function refuseOtherTenant({ api, context }: Session): Promise<void> {
  const { tenant_id: tenant } = await api.mountInfo();
  if (tenant === context.tenant.id) return;
  throw new AbortError(
    'other-tenant',
    `The token is of another tenant than the context ${context.name} (${context.tenant.slug}).`,
    {
      exitCode: ExitCode.auth,
      suggestions: [
        'Unset CLOUD_TOKEN to go on with this context, or',
        'set the other tenant up under its own name: cloud setup --context NAME --token-stdin',
      ],
    },
  );
}

async function stillGood(
  session: Session,
  stored: MountCredentialWithSecret,
  host: Host,
): Promise<boolean> {
  const { credentials } = await session.api.listMountCredentials();
  const known = credentials.find(({ id }) => id === stored.id);
  if (known === undefined) return false;
  const ends = known.expires_at === null ? Infinity : Date.parse(known.expires_at);
  return ends - host.clock.now() > RENEW_BEFORE_MS;
}

/** Whoever changes the stored key holds this. */
export function bucketKeyLock(host: Host): string {
  return join(host.places.state, 'locks', 'bucket-key.lock');
}

/** From now on it is this machine's key. */
export async function storeBucketKey(
  { api, context, secrets }: Session,
  key: MountCredentialWithSecret,
): Promise<void> {
  await secrets.setPassword(STORED.bucketKey, context.name, JSON.stringify(key));
  await api.confirmMountCredential(key.id);
}

export async function endBucketKeyIfThere(session: Session, credentialId: string): Promise<void> {
  try {
    await session.api.revokeMountCredential(credentialId);
  } catch (error) {
    if (!(error instanceof AbortError) || error.details['status'] !== 404) throw error;
  }
}
