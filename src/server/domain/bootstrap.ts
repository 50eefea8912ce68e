import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { Clock } from '../../platform/clock.ts';
import { readTextIfExists, writeFileAtomic } from '../../platform/atomic-file.ts';
import { SCOPES } from '../../api/contract/scopes.ts';
import { formatToken } from '../../api/contract/token.ts';
import { lockInTransaction } from '../db/dialect.ts';
import type { Database } from '../db/sqlite.ts';
import type { Passwords } from '../identity/passwords.ts';
import { recordAudit } from './audit.ts';
import { createToken, hashToken, LONGEST_LIFE_MS, newToken } from './tokens.ts';

interface BootstrapOptions {
  db: Database;
  clock: Clock;
  /** The operator's own first token. */
  seedToken: string | undefined;
  /** Where a token that we make is written. */
  tokenFile: string;
}

export interface BootstrapResult {
  outcome: 'seeded' | 'generated' | 'ignored' | 'unchanged';
  /** Why the operator's token was not taken. */
  reason?: 'revoked-or-expired' | 'another-is-active';
  /** The file with an owner token, if there is one. */
  tokenFile: string | null;
}

/**
 * Sees to it that somebody can administer a new server: takes the operator's token while no active
 * one exists, or makes one on the very first start. A token that was revoked never comes back.
 */
export async function bootstrap(options: BootstrapOptions): Promise<BootstrapResult> {
  const outcome =
    options.seedToken === undefined
      ? await generate(options)
      : await seed(options, options.seedToken);
  const text = await readTextIfExists(options.tokenFile);
  return { ...outcome, tokenFile: text === undefined ? null : options.tokenFile };
}

type Outcome = Omit<BootstrapResult, 'tokenFile'>;

async function generate(options: BootstrapOptions): Promise<Outcome> {
  const any = await options.db
    .selectFrom('credentials')
    .select('id')
    .where('kind', '=', 'admin')
    .limit(1)
    .executeTakeFirst();
  if (any !== undefined) return { outcome: 'unchanged' };
  // The file first: a token that is in force but was never written down would lock everybody out.
  const text = formatToken({ kind: 'adm', ...newToken() });
  await writeFileAtomic(options.tokenFile, `${text}\n`);
  if (await store(options, text, 'first owner token', 'ever')) return { outcome: 'generated' };
  await rm(options.tokenFile, { force: true });
  return { outcome: 'unchanged' };
}

async function seed(options: BootstrapOptions, text: string): Promise<Outcome> {
  const { db, clock } = options;
  const now = new Date(clock.now()).toISOString();
  const rows = await db
    .selectFrom('credentials')
    .select(['secret_hash', 'revoked_at', 'expires_at'])
    .where('kind', '=', 'admin')
    .execute();
  const isActive = (row: (typeof rows)[number]): boolean =>
    row.revoked_at === null && row.expires_at > now;
  const known = rows.find((row) => row.secret_hash === hashToken(text));
  if (known !== undefined && isActive(known)) return { outcome: 'unchanged' };
  if (known === undefined && !rows.some(isActive)) {
    const stored = await store(options, text, 'CLOUD_SERVER_TOKEN', 'active');
    // Another server that starts with the same value was faster.
    return stored ? { outcome: 'seeded' } : seed(options, text);
  }
  const reason = known === undefined ? 'another-is-active' : 'revoked-or-expired';
  await db.transaction().execute((transaction) =>
    recordAudit(transaction, clock, {
      type: 'BootstrapIgnoredEvent',
      actor: 'server',
      data: { reason },
    }),
  );
  return { outcome: 'ignored', reason };
}

/**
 * @param unless nothing is stored when there is an admin token already: in force, or any
 * @returns whether it was stored; of servers that start at once only one does
 */
async function store(
  { db, clock }: BootstrapOptions,
  text: string,
  label: string,
  unless: 'active' | 'ever',
): Promise<boolean> {
  return db.transaction().execute(async (transaction) => {
    await lockInTransaction(transaction, 'bootstrap');
    const other = await transaction
      .selectFrom('credentials')
      .select('id')
      .where('kind', '=', 'admin')
      .$if(unless === 'active', (query) =>
        query
          .where('revoked_at', 'is', null)
          .where('expires_at', '>', new Date(clock.now()).toISOString()),
      )
      .limit(1)
      .executeTakeFirst();
    if (other !== undefined) return false;
    const { id } = await createToken(transaction, clock, {
      kind: 'admin',
      label,
      tenantId: null,
      scopes: SCOPES,
      createdBy: 'server',
      lifeMs: LONGEST_LIFE_MS,
      text,
    });
    await recordAudit(transaction, clock, {
      type: 'BootstrapSeededEvent',
      actor: 'server',
      subjectId: id,
      data: { label },
    });
    return true;
  });
}

export type OwnerOutcome = 'none' | 'seeded' | 'unchanged' | 'ignored';

/**
 * Makes the operator's first owner while there is none. Whoever exists already is not changed: a
 * password is set anew by an administrator, not by a start.
 */
export async function seedOwner(
  { db, clock, passwords }: { db: Database; clock: Clock; passwords: Passwords },
  owner: { username: string; password: string } | undefined,
): Promise<OwnerOutcome> {
  if (owner === undefined) return 'none';
  const { username, password } = owner;
  const users = await db
    .selectFrom('users')
    .select(['username', 'role'])
    .where((where) => where.or([where('role', '=', 'owner'), where('username', '=', username)]))
    .execute();
  if (users.some((user) => user.role === 'owner' && user.username === username)) return 'unchanged';
  if (users.length > 0) {
    await db.transaction().execute((transaction) =>
      recordAudit(transaction, clock, {
        type: 'BootstrapIgnoredEvent',
        actor: 'server',
        data: { reason: 'another-owner-or-name-taken', username },
      }),
    );
    return 'ignored';
  }
  const hash = await passwords.hash(password);
  const now = new Date(clock.now()).toISOString();
  const id = randomUUID();
  return db.transaction().execute(async (transaction) => {
    await lockInTransaction(transaction, 'bootstrap');
    const { numInsertedOrUpdatedRows } = await transaction
      .insertInto('users')
      .values({
        id,
        username,
        role: 'owner',
        status: 'active',
        password_hash: hash,
        created_at: now,
        created_by: 'server',
        updated_at: now,
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow();
    // Another server that starts at this moment was faster.
    if (numInsertedOrUpdatedRows === 0n) return 'unchanged';
    await recordAudit(transaction, clock, {
      type: 'BootstrapSeededEvent',
      actor: 'server',
      subjectId: id,
      data: { username, role: 'owner' },
    });
    return 'seeded';
  });
}
