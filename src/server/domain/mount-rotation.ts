import type { Transaction } from 'kysely';
import type { Tenant } from '../../api/contract/admin.ts';
import type { MountCredentialWithSecret } from '../../api/contract/mount.ts';
import type { Scope } from '../../api/contract/scopes.ts';
import type { Schema } from '../db/schema.ts';
import { HttpProblem } from '../errors.ts';
import type { Actor } from './audit.ts';
import { issueMountCredential, type IssuanceDeps } from './issuance.ts';
import {
  active,
  noSuchCredential,
  revokeMountCredential,
  type RevocationDeps,
} from './mount-credentials.ts';

/**
 * A key of the same kind and life beside one that is in force; the client takes it into use,
 * confirms it, and revokes the old one. A replacement that nobody confirmed (its answer was lost) is
 * replaced itself, so that asking again leaves nothing behind and meets no limit.
 *
 * @throws HttpProblem 404; 403 `not-yours`; 409 `already-rotated`, or `rotation-overtaken` by another
 *   request for the same; as issuing does
 */
export async function rotateMountCredential(
  deps: IssuanceDeps & RevocationDeps,
  tenant: Tenant,
  id: string,
  actor: Actor,
  own: (createdBy: string) => boolean,
  options: {
    scopes: readonly Scope[];
    /** Seconds until the successor is revoked, unless it was confirmed; undefined: it stays. */
    confirmWithin?: number | undefined;
    /** Whether the caller still has this scope. @throws HttpProblem */
    recheck: (scope: Scope, transaction: Transaction<Schema>) => Promise<void>;
  },
): Promise<MountCredentialWithSecret> {
  const rows = await active(deps, tenant);
  const old = rows.find((row) => row.id === id);
  if (old === undefined) throw noSuchCredential();
  if (!own(old.created_by)) {
    throw new HttpProblem(403, 'not-yours', 'Somebody else created this credential.');
  }
  const scope = old.permission === 'rw' ? 'mount' : 'mount:read';
  if (!options.scopes.includes(scope)) {
    throw new HttpProblem(403, 'scope-missing', `This credential lacks the scope ${scope}.`);
  }
  const successors = rows.filter(({ replaces }) => replaces === id);
  if (successors.some(({ confirmed_at: confirmed }) => confirmed !== null)) {
    throw new HttpProblem(409, 'already-rotated', 'Another key has taken its place already.');
  }
  for (const successor of successors) {
    await revokeMountCredential(deps, tenant, successor.id, actor, () => true).catch(pending);
  }
  const request = {
    description: old.description,
    permission: old.permission,
    ...(old.prefix === null ? {} : { prefix: old.prefix }),
    ...(old.source_ips === null ? {} : { source_ips: old.source_ips.split(' ') }),
    ...(old.expires_at === null ? {} : { expires_in: lifeOf(old.created_at, old.expires_at) }),
    ...(options.confirmWithin === undefined ? {} : { confirm_within: options.confirmWithin }),
  };
  return issueMountCredential(deps, tenant, request, actor, {
    replaces: id,
    stillAllowed: async (transaction) => {
      await options.recheck(scope, transaction);
      await assertUntouched(transaction, id);
    },
  });
}

/**
 * Who asks twice holds one of the answers: the first that counts is the only one, and what was revoked
 * meanwhile has no successor that nobody knows of.
 */
async function assertUntouched(transaction: Transaction<Schema>, id: string): Promise<void> {
  const rows = await transaction
    .selectFrom('tenant_mount_credentials')
    .select(['id'])
    .where((where) => where.or([where('id', '=', id), where('replaces', '=', id)]))
    .where('revoked_at', 'is', null)
    .forUpdate()
    .execute();
  if (!rows.some((row) => row.id === id)) throw noSuchCredential();
  if (rows.length === 1) return;
  throw new HttpProblem(409, 'rotation-overtaken', 'Another request for the same was faster.', {
    detail: 'Nothing of this one was kept. If you do not have the answer of the other, ask again.',
  });
}

/** Seconds. The end was cut to a whole one. */
function lifeOf(createdAt: string, expiresAt: string): number {
  return Math.ceil((Date.parse(expiresAt) - Date.parse(createdAt)) / 1000);
}

/** It is revoked here, and deleted at the storage as soon as that answers. */
function pending(error: unknown): void {
  if (!(error instanceof HttpProblem) || error.code !== 'revocation-pending') throw error;
}
