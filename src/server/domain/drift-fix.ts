import type { DriftFinding } from '../../api/contract/drift.ts';
import { StorageError } from '../storage/provider.ts';
import { recordAudit, type Actor } from './audit.ts';
import type { Drift, DriftDeps } from './drift.ts';
import type { TenantAccess } from './tenant-access.ts';

export interface DriftFixDeps extends DriftDeps {
  access: TenantAccess;
}

/**
 * Does what each finding says. What was found is looked at once more where it may have changed since;
 * what fails is said, and the others go on.
 *
 * @param foreign whether what this server never issued is deleted too
 */
export async function fixDrift(
  deps: DriftFixDeps,
  drifts: readonly Drift[],
  actor: Actor,
  { foreign }: { foreign: boolean },
): Promise<DriftFinding[]> {
  const findings: DriftFinding[] = [];
  for (const drift of drifts) {
    const isLeft = drift.foreign === true && !foreign;
    findings.push(isLeft ? { ...drift.finding, fixed: false } : await fixOne(deps, drift, actor));
  }
  return findings;
}

async function fixOne(deps: DriftFixDeps, drift: Drift, actor: Actor): Promise<DriftFinding> {
  const { finding, tenantId } = drift;
  if (finding.fix === 'none') return { ...finding, fixed: false };
  try {
    await act(deps, drift);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    const note =
      error.code === 'BucketNotEmpty'
        ? 'It is not empty. Look into it, and delete it by hand if it is of no use.'
        : `${error.message}.`;
    return { ...finding, fixed: false, note };
  }
  await deps.db.transaction().execute((transaction) =>
    recordAudit(transaction, deps.clock, {
      ...actor,
      type: 'DriftFixedEvent',
      ...(tenantId === undefined ? {} : { tenantId }),
      subjectId: drift.target,
      data: { reason: finding.kind, ...(finding.tenant === null ? {} : { slug: finding.tenant }) },
    }),
  );
  return { ...finding, fixed: true, note: null };
}

/** Every step may be repeated, and does nothing where there is nothing to do any more. */
async function act(deps: DriftFixDeps, { finding, target, tenantId }: Drift): Promise<void> {
  const { db, clock, storage, access } = deps;
  switch (finding.kind) {
    case 'bucket-without-tenant':
      await storage.deleteBucket(target);
      return;
    case 'leaked-key':
      await storage.deleteAccessKey(target);
      return;
    case 'leaked-policy':
      await storage.deletePolicy(target);
      return;
    case 'credential-without-key': {
      const now = new Date(clock.now()).toISOString();
      // Its policy is deleted by the job that deletes what is owed.
      await db
        .updateTable('tenant_mount_credentials')
        .set({ revoked_at: now, updated_at: now })
        .where('id', '=', target)
        .where('revoked_at', 'is', null)
        .execute();
      return;
    }
    case 'key-should-be-active':
    case 'key-should-be-inactive':
      await access.doubt(target, tenantId ?? '');
      return;
    case 'tenant-without-bucket':
  }
}
