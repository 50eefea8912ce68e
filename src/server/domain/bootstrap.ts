import { randomUUID } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import { readTextIfExists, writeFileAtomic } from '../../platform/atomic-file.ts';
import { SCOPES } from '../../api/contract/scopes.ts';
import { formatToken } from '../../api/contract/token.ts';
import { lockInTransaction } from '../db/dialect.ts';
import type { Schema } from '../db/schema.ts';
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
  return options.db.transaction().execute(async (transaction) => {
    await lockInTransaction(transaction, 'bootstrap');
    const any = await transaction
      .selectFrom('credentials')
      .select('id')
      .where('kind', '=', 'admin')
      .limit(1)
      .executeTakeFirst();
    if (any !== undefined) return { outcome: 'unchanged' };
    // The file first: a token that is in force but was never written down would lock everybody out.
    const text = formatToken({ kind: 'adm', ...newToken() });
    await writeFileAtomic(options.tokenFile, `${text}\n`);
    await store(transaction, options.clock, text, 'first owner token');
    return { outcome: 'generated' };
  });
}

async function seed({ db, clock }: BootstrapOptions, text: string): Promise<Outcome> {
  const now = new Date(clock.now()).toISOString();
  return db.transaction().execute(async (transaction) => {
    await lockInTransaction(transaction, 'bootstrap');
    const rows = await transaction
      .selectFrom('credentials')
      .select(['secret_hash', 'revoked_at', 'expires_at'])
      .where('kind', '=', 'admin')
      .execute();
    const isActive = (row: (typeof rows)[number]): boolean =>
      row.revoked_at === null && row.expires_at > now;
    const known = rows.find((row) => row.secret_hash === hashToken(text));
    if (known !== undefined && isActive(known)) return { outcome: 'unchanged' };
    if (known === undefined && !rows.some(isActive)) {
      await store(transaction, clock, text, 'CLOUD_SERVER_TOKEN');
      return { outcome: 'seeded' };
    }
    const reason = known === undefined ? 'another-is-active' : 'revoked-or-expired';
    await recordAudit(transaction, clock, {
      type: 'BootstrapIgnoredEvent',
      actor: 'server',
      data: { kind: 'token', reason },
    });
    return { outcome: 'ignored', reason };
  });
}

async function store(
  transaction: Transaction<Schema>,
  clock: Clock,
  text: string,
  label: string,
): Promise<void> {
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
    data: { kind: 'token', label },
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
  const found = await ownerOrNamesake(db, username);
  if (found === 'seeded-before') return 'unchanged';
  // Slow on purpose, so before the transaction.
  const hash = await passwords.hash(password);
  return db.transaction().execute(async (transaction) => {
    await lockInTransaction(transaction, 'bootstrap');
    const now = await ownerOrNamesake(transaction, username);
    if (now === 'seeded-before') return 'unchanged';
    if (now === 'another') {
      await recordAudit(transaction, clock, {
        type: 'BootstrapIgnoredEvent',
        actor: 'server',
        data: { kind: 'owner', reason: 'another-owner-or-name-taken', username },
      });
      return 'ignored';
    }
    await insertOwner(transaction, clock, username, hash);
    return 'seeded';
  });
}

async function ownerOrNamesake(
  db: Kysely<Schema>,
  username: string,
): Promise<'seeded-before' | 'another' | undefined> {
  const users = await db
    .selectFrom('users')
    .select(['username', 'role'])
    .where((where) => where.or([where('role', '=', 'owner'), where('username', '=', username)]))
    .execute();
  if (users.some((user) => user.role === 'owner' && user.username === username)) {
    return 'seeded-before';
  }
  return users.length > 0 ? 'another' : undefined;
}

async function insertOwner(
  transaction: Transaction<Schema>,
  clock: Clock,
  username: string,
  hash: string,
): Promise<void> {
  const id = randomUUID();
  const now = new Date(clock.now()).toISOString();
  await transaction
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
    .execute();
  await recordAudit(transaction, clock, {
    type: 'BootstrapSeededEvent',
    actor: 'server',
    subjectId: id,
    data: { kind: 'owner', username, role: 'owner' },
  });
}
