import type { JWTPayload } from 'jose';
import type { RevocationDeps } from '../../domain/mount-credentials.ts';
import type { Actor } from '../../domain/audit.ts';
import { HttpProblem } from '../../errors.ts';
import { addMember, removeMember } from '../members.ts';
import type { UserRow } from '../principal.ts';
import type { IssuerRow } from './id-token.ts';

/** So many tenants of one claim are looked at. */
const TENANTS = 100;

/**
 * Makes somebody a member of the tenants that the issuer's claim names, and of no other that it
 * named before. What an administrator has given stays as it is. Owners and admins need none of it.
 */
export async function followClaim(
  deps: RevocationDeps,
  issuer: IssuerRow,
  user: UserRow,
  claims: JWTPayload,
  requestId: string,
): Promise<void> {
  const { tenant_claim: claim, member_role: role } = issuer;
  if (claim === null || user.role !== 'member') return;
  const { db } = deps;
  const actor: Actor = { actor: `issuer:${issuer.id}`, requestId };
  const refs = namesIn(claims[claim]);
  const named = await db
    .selectFrom('tenants')
    .select('id')
    .where('status', '=', 'active')
    // An empty list is no SQL.
    .where((where) =>
      where.or([where('id', 'in', ['', ...refs]), where('slug', 'in', ['', ...refs])]),
    )
    .execute();
  const memberships = await db
    .selectFrom('memberships')
    .select(['tenant_id', 'created_by'])
    .where('user_id', '=', user.id)
    .execute();
  const member = new Set(memberships.map(({ tenant_id: id }) => id));
  for (const { id } of named) {
    if (!member.has(id)) await addIfNotThere(deps, id, { user: user.id, role }, actor);
  }
  for (const { tenant_id: id, created_by: by } of memberships) {
    const stays = named.some((tenant) => tenant.id === id);
    if (by === actor.actor && !stays) await removeMember(deps, id, user.id, actor);
  }
}

/** Another sign-in of the same person may have been faster. */
async function addIfNotThere(...given: Parameters<typeof addMember>): Promise<void> {
  try {
    await addMember(...given);
  } catch (error) {
    if (!(error instanceof HttpProblem) || error.code !== 'already-member') throw error;
  }
}

/** A text, or a list of texts; anything else names nothing. */
function namesIn(claim: unknown): string[] {
  const values: unknown[] = Array.isArray(claim) ? claim : [claim];
  return values
    .filter((value) => typeof value === 'string' && value.length <= 64)
    .slice(0, TENANTS) as string[];
}
