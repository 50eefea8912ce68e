import { randomUUID } from 'node:crypto';
import type { Insertable, Transaction } from 'kysely';
import type { Tenant } from '../../api/contract/admin.ts';
import type { CreateMountCredential, MountCredentialWithSecret } from '../../api/contract/mount.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Schema, TenantMountCredentialsTable } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { HttpProblem } from '../errors.ts';
import { StorageError, type AccessKeyPair, type StorageProvider } from '../storage/provider.ts';
import { recordAudit, type Actor } from './audit.ts';
import { bucketPolicy, type BucketGrant } from './bucket-policy.ts';
import type { Intents } from './intents.ts';
import { assertRoomForCredential, lockTenant } from './limits.ts';
import { keyLabel, mayStillHappen, policyName, removeLeftovers } from './leftovers.ts';
import { canonicalRanges } from './source-ips.ts';
import { assertAllowed, findTenant } from './tenant-view.ts';

export interface IssuanceDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
  intents: Intents;
}

interface IssueOptions {
  /** The credential whose place it takes; then no limit counts. */
  replaces?: string;
  /** The names of the user that it is issued for, whose own limit counts; none for a key of nobody. */
  subjects?: ReadonlySet<string> | undefined;
  /** Asked again in the transaction that makes it official. @throws HttpProblem */
  stillAllowed?: (transaction: Transaction<Schema>) => Promise<void>;
}

/** How long a new key may take to be known everywhere at the provider, in milliseconds. */
const PROPAGATION_MS = 10_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;
const DEFAULT_DESCRIPTION = 'CLI mount credentials';

interface Made extends AccessKeyPair {
  policyArn: string;
}

/**
 * Issues a key for the tenant's bucket (docs/adr/0004-issuing-mount-credentials.md). The secret is
 * in the answer and nowhere else. A failure takes back what was made; what cannot be taken back
 * now stays with the intent, for `recover`.
 *
 * @throws HttpProblem 500 `credential-generation-failed` when the provider fails; 403 when the
 *   tenant was denied or removed meanwhile; 409 `credential-limit`, `user-credential-limit`
 */
export async function issueMountCredential(
  deps: IssuanceDeps,
  tenant: Tenant,
  request: CreateMountCredential,
  actor: Actor,
  options: IssueOptions = {},
): Promise<MountCredentialWithSecret> {
  const id = randomUUID();
  const now = deps.clock.now();
  const grant = grantOf(tenant, request, now);
  await begin(deps, { id, kind: 'mount_credential', tenant_id: tenant.id }, actor, options);
  try {
    const made = await makeKey(deps, id, grant);
    const created_at = new Date(now).toISOString();
    const row = {
      id,
      tenant_id: tenant.id,
      access_key: made.accessKeyId,
      policy_arn: made.policyArn,
      description: request.description ?? DEFAULT_DESCRIPTION,
      permission: grant.permission,
      prefix: grant.prefix,
      created_by: actor.actor,
      created_at,
      updated_at: created_at,
      expires_at: grant.expiresAt,
      confirm_by: confirmBy(request, now),
      source_ips: grant.sourceIps?.join(' ') ?? null,
      replaces: options.replaces ?? null,
    };
    await commit(deps, row, grant, actor, options);
    return {
      tenant_id: tenant.id,
      bucket_name: tenant.bucket_name,
      access_key: made.accessKeyId,
      secret_key: made.secretAccessKey,
      endpoint_url: deps.storage.endpointUrl,
      region: deps.storage.region,
      id,
      permission: grant.permission,
      created_at,
      expires_at: grant.expiresAt,
      ...(grant.sourceIps === null ? {} : { source_ips: [...grant.sourceIps] }),
      ...(options.replaces === undefined ? {} : { replaces: options.replaces }),
    };
  } catch (error) {
    await compensate(deps, id, error);
    throw error instanceof StorageError ? generationFailed(error) : error;
  } finally {
    deps.intents.end(id);
  }
}

/** The intent counts from here on, so that many at once do not all find room. */
async function begin(
  { intents, clock }: IssuanceDeps,
  intent: { id: string; kind: 'mount_credential'; tenant_id: string },
  { actor }: Actor,
  { replaces, subjects }: IssueOptions,
): Promise<void> {
  if (replaces !== undefined) return intents.begin(intent);
  return intents.begin({ ...intent, created_by: actor }, async (transaction) => {
    await lockTenant(transaction, intent.tenant_id);
    await assertRoomForCredential(transaction, clock, intent.tenant_id, subjects);
  });
}

function grantOf(tenant: Tenant, request: CreateMountCredential, now: number): BucketGrant {
  return {
    bucket: tenant.bucket_name,
    prefix: request.prefix ?? null,
    permission: request.permission ?? 'rw',
    // Policies know whole seconds.
    expiresAt:
      request.expires_in === undefined
        ? null
        : new Date(Math.floor(now / 1000 + request.expires_in) * 1000).toISOString(),
    sourceIps: request.source_ips === undefined ? null : canonicalRanges(request.source_ips),
  };
}

function confirmBy({ confirm_within: seconds }: CreateMountCredential, now: number) {
  return seconds === undefined ? null : new Date(now + seconds * 1000).toISOString();
}

async function makeKey(deps: IssuanceDeps, id: string, grant: BucketGrant): Promise<Made> {
  const { storage } = deps;
  const policyArn = await storage.createPolicy(policyName(id), bucketPolicy(grant));
  const key = await storage.createAccessKey(keyLabel(id));
  await storage.attachPolicy(key.accessKeyId, policyArn);
  await untilKnown(deps, key, grant);
  return { ...key, policyArn };
}

/**
 * A key that is not known yet is of no use to the client: ask with it until it is. One that is bound to
 * addresses is refused here, by its policy; that it is not unknown any more is all that can be seen.
 */
async function untilKnown(
  { storage, clock }: IssuanceDeps,
  key: AccessKeyPair,
  grant: BucketGrant,
): Promise<void> {
  const deadline = clock.now() + PROPAGATION_MS;
  let pause = FIRST_PAUSE_MS;
  const isKnown = (): Promise<boolean> =>
    grant.sourceIps === null
      ? storage.canList(key, grant.bucket, grant.prefix ?? '')
      : storage.knowsKey(key, grant.bucket);
  while (!(await isKnown())) {
    if (clock.now() + pause > deadline)
      throw new StorageError('ListObjectsV2', 'KeyNotUsable', 403);
    await clock.sleep(pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

async function commit(
  { db, clock, intents }: IssuanceDeps,
  row: Insertable<TenantMountCredentialsTable>,
  grant: BucketGrant,
  actor: Actor,
  { stillAllowed }: IssueOptions,
): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    // Denied or removed while the provider was at work? Then the key must not come to be.
    await lockTenant(transaction, row.tenant_id);
    assertAllowed(await findTenant(transaction, row.tenant_id));
    await stillAllowed?.(transaction);
    await transaction.insertInto('tenant_mount_credentials').values(row).execute();
    await recordAudit(transaction, clock, {
      ...actor,
      type: 'MountCredentialCreatedEvent',
      tenantId: row.tenant_id,
      subjectId: row.id,
      data: {
        access_key: row.access_key,
        permission: grant.permission,
        prefix: grant.prefix,
        expires_at: grant.expiresAt,
        ...(grant.sourceIps === null ? {} : { source_ips: grant.sourceIps.join(' ') }),
        ...(typeof row.replaces === 'string' ? { replaces: row.replaces } : {}),
      },
    });
    await intents.makeOfficial(transaction, row.id);
  });
}

async function compensate({ db, storage, intents }: IssuanceDeps, id: string, because: unknown) {
  try {
    // The row decides: without it the commit did happen, whatever was reported.
    if (!(await intents.isOpen(id))) return;
    await removeLeftovers(storage, id);
    if (mayStillHappen(because)) await intents.noteFailure(id, because);
    else await intents.finish(db, id);
  } catch (error) {
    // If even this note cannot be written, the row itself still says what is unfinished.
    await intents.noteFailure(id, error).catch(() => undefined);
  }
}

function generationFailed(error: StorageError): HttpProblem {
  return new HttpProblem(
    500,
    'credential-generation-failed',
    'The object storage did not issue a key.',
    { detail: `${error.message}. Nothing was kept; try again.`, cause: error },
  );
}
