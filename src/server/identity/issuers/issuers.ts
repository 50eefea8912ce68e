import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import {
  ISSUER_ALGORITHMS,
  type AddIssuer,
  type Issuer,
  type TrustedIssuer,
} from '../../../api/contract/issuers.ts';
import type { Clock } from '../../../platform/clock.ts';
import type { Schema } from '../../db/schema.ts';
import type { Database } from '../../db/sqlite.ts';
import { isUniqueViolation } from '../../db/database-errors.ts';
import { recordAudit, type Actor } from '../../domain/audit.ts';
import { HttpProblem, invalidField } from '../../errors.ts';
import { endSession } from '../session-end.ts';
import type { IssuerRow } from './id-token.ts';
import { discover, type ProviderKeys } from './provider.ts';
import { isFitAddress, ProviderError } from './provider-request.ts';

export interface IssuerDeps {
  db: Database;
  clock: Clock;
  providerKeys: ProviderKeys;
  /** Whether an issuer may be in a private network, or on this machine. */
  allowPrivateIssuers: boolean;
}

const DEFAULT_SCOPE = 'openid profile email';
const DEFAULT_SKEW_S = 60;
const DEFAULT_SESSION_DAYS = 30;

/**
 * Trusts an issuer from now on, after a look at what it says about itself.
 *
 * @throws HttpProblem 422 `invalid-field`, `issuer-unreachable`, `issuer-unfit`; 409 `issuer-taken`
 */
export async function addIssuer(
  deps: IssuerDeps,
  request: AddIssuer,
  actor: Actor,
): Promise<Issuer> {
  const { db, clock } = deps;
  const found = await lookAt(deps, request);
  const row: IssuerRow = {
    id: randomUUID(),
    name: request.name,
    url: found.url,
    client_id: request.client_id,
    scope: request.scope ?? DEFAULT_SCOPE,
    audience: request.audience ?? request.client_id,
    algorithms: found.algorithms.join(' '),
    clock_skew_s: request.clock_skew ?? DEFAULT_SKEW_S,
    tenant_claim: request.tenant_claim ?? null,
    member_role: request.member_role ?? 'editor',
    create_users: request.create_users === true ? 1 : 0,
    session_days: request.session_days ?? DEFAULT_SESSION_DAYS,
    created_at: new Date(clock.now()).toISOString(),
    created_by: actor.actor,
  };
  try {
    await db.transaction().execute(async (transaction) => {
      await transaction.insertInto('issuers').values(row).execute();
      await recordAudit(transaction, clock, {
        ...actor,
        type: 'IssuerAddedEvent',
        subjectId: row.id,
        data: { label: row.name, issuer: row.url, kind: row.algorithms },
      });
    });
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new HttpProblem(409, 'issuer-taken', 'There is an issuer of this name or address.');
  }
  return toIssuer(row);
}

/** The issuer's own spelling of its address, and the algorithms to allow. */
async function lookAt(
  { allowPrivateIssuers: allowPrivate }: IssuerDeps,
  { url: text, algorithms }: AddIssuer,
): Promise<{ url: string; algorithms: readonly string[] }> {
  const url = URL.parse(text);
  const plain = url?.search === '' && url.hash === '' && url.username === '' && url.password === '';
  if (!plain || !isFitAddress(url)) {
    throw invalidField(
      'url',
      'An issuer is an https address without query; http only on this machine itself.',
    );
  }
  const metadata = await discovered(text, allowPrivate);
  if (
    metadata.device_authorization_endpoint === undefined ||
    metadata.token_endpoint === undefined
  ) {
    throw unfit('It does not offer the device flow (RFC 8628), which `cloud login` needs.');
  }
  // What a provider that says nothing signs with (OpenID Connect Core 1.0 §2).
  const announced = metadata.id_token_signing_alg_values_supported ?? ['RS256'];
  const allowed = (algorithms ?? ISSUER_ALGORITHMS).filter((each) => announced.includes(each));
  if (allowed.length === 0) {
    throw unfit(`It signs with ${announced.join(', ')}, of which none is allowed.`);
  }
  return { url: metadata.issuer, algorithms: allowed };
}

async function discovered(issuer: string, allowPrivate: boolean): ReturnType<typeof discover> {
  try {
    return await discover(issuer, { allowPrivate });
  } catch (cause) {
    if (!(cause instanceof ProviderError)) throw cause;
    throw new HttpProblem(422, 'issuer-unreachable', 'The issuer did not answer as one.', {
      detail: `${cause.message}.`,
      field: 'url',
      cause,
    });
  }
}

function unfit(detail: string): HttpProblem {
  return new HttpProblem(422, 'issuer-unfit', 'Nobody could sign in at this issuer.', { detail });
}

export async function listIssuers(db: Kysely<Schema>): Promise<Issuer[]> {
  const rows = await db.selectFrom('issuers').selectAll().orderBy('name').execute();
  return rows.map(toIssuer);
}

/** What everybody may know, to sign in there. */
export async function trustedIssuers(db: Kysely<Schema>): Promise<TrustedIssuer[]> {
  return db
    .selectFrom('issuers')
    .select(['name', 'url as issuer', 'client_id', 'scope'])
    .orderBy('name')
    .execute();
}

/** By id or name. @throws HttpProblem 404 `issuer-not-found` */
export async function requireIssuer(db: Kysely<Schema>, ref: string): Promise<IssuerRow> {
  const row = await db
    .selectFrom('issuers')
    .selectAll()
    .where((where) => where.or([where('id', '=', ref), where('name', '=', ref)]))
    .executeTakeFirst();
  if (row !== undefined) return row;
  throw new HttpProblem(404, 'issuer-not-found', 'There is no such issuer.');
}

/** Ends the trust, and every session that came of it. @throws HttpProblem 404 */
export async function removeIssuer(deps: IssuerDeps, ref: string, actor: Actor): Promise<void> {
  const { db, clock, providerKeys } = deps;
  const url = await db.transaction().execute(async (transaction) => {
    const row = await requireIssuer(transaction, ref);
    // A sign-in that is at its end is waited for, and its session found.
    await transaction
      .selectFrom('issuers')
      .select('id')
      .where('id', '=', row.id)
      .forUpdate()
      .execute();
    const sessions = await transaction
      .selectFrom('sessions')
      .select('id')
      .where('issuer_id', '=', row.id)
      .where('ended_at', 'is', null)
      .execute();
    for (const { id } of sessions) {
      await endSession(transaction, clock, id, actor, 'the issuer is not trusted any more');
    }
    await transaction.deleteFrom('issuers').where('id', '=', row.id).execute();
    await recordAudit(transaction, clock, {
      ...actor,
      type: 'IssuerRemovedEvent',
      subjectId: row.id,
      data: { label: row.name, issuer: row.url },
    });
    return row.url;
  });
  providerKeys.forget(url);
}

export function toIssuer(row: IssuerRow): Issuer {
  const { id, name, url, client_id, scope, audience, tenant_claim, member_role } = row;
  return {
    ...{ id, name, url, client_id, scope, audience },
    algorithms: row.algorithms.split(' '),
    clock_skew: row.clock_skew_s,
    ...{ tenant_claim, member_role },
    create_users: row.create_users === 1,
    session_days: row.session_days,
    created_at: row.created_at,
    created_by: row.created_by,
  };
}
