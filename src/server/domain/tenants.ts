import { randomBytes, randomUUID } from 'node:crypto';
import { RESERVED_SLUGS, type CreatedTenant, type CreateTenant } from '../../api/contract/admin.ts';
import { TENANT_SCOPES } from '../../api/contract/scopes.ts';
import type { Kysely, Transaction } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { isUniqueViolation } from '../db/database-errors.ts';
import { HttpProblem } from '../errors.ts';
import { commonFingerprint, type WebhookFor } from '../events/bucket-notifications.ts';
import { StorageError, type StorageProvider } from '../storage/provider.ts';
import { recordAudit, type Actor } from './audit.ts';
import type { Intents } from './intents.ts';
import { mayStillHappen } from './leftovers.ts';
import { resolveTenant } from './tenant-view.ts';
import { createToken, DEFAULT_LIFE_MS } from './tokens.ts';

export interface TenantDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
  intents: Intents;
  bucketPrefix: string;
  webhookFor: WebhookFor;
}

const NAME_ATTEMPTS = 5;

/**
 * Makes bucket, row, policy (allowed) and, if asked for, an API key; or leaves nothing.
 *
 * @throws HttpProblem 409 `slug-taken`, 422 `slug-reserved`, 503 `storage-unavailable` or
 *   `storage-full`
 */
export async function addTenant(
  deps: TenantDeps,
  request: CreateTenant,
  actor: Actor,
): Promise<CreatedTenant> {
  await assertFreeSlug(deps.db, request.slug);
  const id = randomUUID();
  try {
    const bucket = await makeBucket(deps, id, request);
    try {
      const webhook = deps.webhookFor(id);
      if (webhook !== undefined) await deps.storage.setNotifications(bucket, webhook);
      return await commit(deps, id, bucket, request, actor);
    } catch (error) {
      await removeBucket(deps, id, bucket, error);
      throw isUniqueViolation(error) ? slugTaken(request.slug) : error;
    }
  } catch (error) {
    throw error instanceof StorageError ? unavailable(error) : error;
  } finally {
    deps.intents.end(id);
  }
}

/** Names are global at the provider: one that is taken is somebody else's, so try another. */
async function makeBucket(
  deps: TenantDeps,
  id: string,
  { slug, region }: CreateTenant,
): Promise<string> {
  for (let attempt = 0; attempt < NAME_ATTEMPTS; attempt += 1) {
    const bucket = bucketName(deps.bucketPrefix, slug);
    await deps.intents.begin({ id, kind: 'tenant', tenant_id: id, bucket_name: bucket });
    let made: boolean;
    try {
      made = await deps.storage.createBucket(bucket, region);
    } catch (error) {
      await removeBucket(deps, id, bucket, error);
      throw error;
    }
    if (made) return bucket;
    await deps.intents.finish(deps.db, id);
  }
  throw new StorageError('CreateBucket', 'BucketAlreadyExists', 409);
}

async function commit(
  deps: TenantDeps,
  id: string,
  bucket: string,
  request: CreateTenant,
  actor: Actor,
): Promise<CreatedTenant> {
  const { db, clock } = deps;
  const now = new Date(clock.now()).toISOString();
  const tenant = {
    id,
    slug: request.slug,
    name: request.name,
    status: 'active' as const,
    bucket_name: bucket,
    region: request.region ?? deps.storage.region,
    created_at: now,
  };
  return db.transaction().execute(async (transaction) => {
    await assertFreeSlug(transaction, tenant.slug);
    await transaction
      .insertInto('tenants')
      .values({
        ...tenant,
        updated_at: now,
        sync_url: request.sync_url ?? null,
        webhook: commonFingerprint(deps.webhookFor) ?? null,
      })
      .execute();
    await transaction
      .insertInto('tenant_policies')
      .values({ tenant_id: id, policy: 'allowed', updated_by: actor.actor, updated_at: now })
      .execute();
    await recordAudit(transaction, clock, {
      ...actor,
      type: 'TenantCreatedEvent',
      tenantId: id,
      subjectId: id,
      data: { slug: tenant.slug, bucket_name: bucket },
    });
    const apiKey =
      request.issue_api_key === true ? await firstApiKey(transaction, clock, tenant, actor) : null;
    await deps.intents.makeOfficial(transaction, id);
    return { ...tenant, policy: 'allowed' as const, policy_reason: null, api_key: apiKey };
  });
}

async function firstApiKey(
  transaction: Transaction<Schema>,
  clock: Clock,
  tenant: { id: string; slug: string },
  actor: Actor,
): Promise<string> {
  const token = await createToken(transaction, clock, {
    kind: 'api',
    label: `first key of ${tenant.slug}`,
    tenantId: tenant.id,
    scopes: TENANT_SCOPES,
    createdBy: actor.actor,
    lifeMs: DEFAULT_LIFE_MS,
  });
  await recordAudit(transaction, clock, {
    ...actor,
    type: 'TokenCreatedEvent',
    tenantId: tenant.id,
    subjectId: token.id,
    data: { kind: 'api', scopes: TENANT_SCOPES.join(' ') },
  });
  return token.text;
}

/** Takes the new and empty bucket away again; what cannot be done now stays with the intent. */
async function removeBucket(
  deps: TenantDeps,
  id: string,
  bucket: string,
  because: unknown,
): Promise<void> {
  try {
    if (!(await deps.intents.isOpen(id))) return;
    await deps.storage.deleteBucket(bucket);
    if (mayStillHappen(because)) await deps.intents.noteFailure(id, because);
    else await deps.intents.finish(deps.db, id);
  } catch (error) {
    // If even this note cannot be written, the row itself still says what is unfinished.
    await deps.intents.noteFailure(id, error).catch(() => undefined);
  }
}

/** 80 random bits: a name that nobody can guess and take before us. */
function bucketName(prefix: string, slug: string): string {
  const random = Array.from(randomBytes(16), (byte) => BASE32.charAt(byte & 31)).join('');
  return `${prefix}-${slug.slice(0, 20).replace(/-+$/, '')}-${random}`;
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * Former names count too: they lead to somebody else.
 *
 * @param except the tenant that may have it back
 * @throws HttpProblem 409 `slug-taken`, 422 `slug-reserved`
 */
export async function assertFreeSlug(
  db: Kysely<Schema>,
  slug: string,
  except?: string,
): Promise<void> {
  if (RESERVED_SLUGS.has(slug)) {
    throw new HttpProblem(422, 'slug-reserved', `${slug} is a reserved word.`, { field: 'slug' });
  }
  const found = await resolveTenant(db, slug);
  if (found === undefined || found.id === except) return;
  if (found.slug === slug) throw slugTaken(slug);
  throw new HttpProblem(
    409,
    'slug-taken',
    `${slug} was ${found.slug} once, and still leads there.`,
    {
      field: 'slug',
    },
  );
}

export function slugTaken(slug: string): HttpProblem {
  return new HttpProblem(409, 'slug-taken', `There is already a tenant ${slug}.`, {
    field: 'slug',
  });
}

function unavailable(error: StorageError): HttpProblem {
  const full = error.code === 'InsufficientStorage';
  return new HttpProblem(
    503,
    full ? 'storage-full' : 'storage-unavailable',
    full
      ? 'The disk of the object storage is full.'
      : 'The object storage did not make the bucket ready.',
    {
      detail: `${error.message}. Nothing was kept.`,
      headers: { 'retry-after': '10' },
      cause: error,
    },
  );
}
