import { readTextIfExists, writeFileAtomic } from '../../platform/atomic-file.ts';
import type { Clock } from '../../platform/clock.ts';
import { SCOPES } from '../../api/contract/scopes.ts';
import { formatToken } from '../../api/contract/token.ts';
import { lockInTransaction } from '../db/dialect.ts';
import type { Database } from '../db/sqlite.ts';
import { recordAudit } from './audit.ts';
import { checkToken, createToken, DEFAULT_LIFE_MS, newToken } from './tokens.ts';

export interface ReplacedToken {
  token_file: string;
  /** False: the token in the file is in force, so nothing was to be done. */
  made: boolean;
  expires_at: string;
}

/**
 * Gives an operator who has lost the last admin token another one, in the file of the first one. It
 * may be repeated: what was interrupted before the end is not in force.
 */
export async function replaceLostToken(
  db: Database,
  clock: Clock,
  tokenFile: string,
): Promise<ReplacedToken> {
  const present = (await readTextIfExists(tokenFile))?.trim() ?? '';
  const check = await checkToken(db, clock, present);
  if (check.state === 'valid' && check.credential.kind === 'admin') {
    return { token_file: tokenFile, made: false, expires_at: check.credential.expires_at };
  }
  return db.transaction().execute(async (transaction) => {
    await lockInTransaction(transaction, 'bootstrap');
    const text = formatToken({ kind: 'adm', ...newToken() });
    const { id } = await createToken(transaction, clock, {
      kind: 'admin',
      label: 'recovered by the operator',
      tenantId: null,
      scopes: SCOPES,
      createdBy: 'server',
      lifeMs: DEFAULT_LIFE_MS,
      text,
    });
    await recordAudit(transaction, clock, {
      type: 'OwnerRecoveredEvent',
      actor: 'server',
      subjectId: id,
      data: { kind: 'token' },
    });
    // Before the commit: a token in force that nobody has would be of no use to anybody.
    await writeFileAtomic(tokenFile, `${text}\n`);
    const expires = new Date(clock.now() + DEFAULT_LIFE_MS).toISOString();
    return { token_file: tokenFile, made: true, expires_at: expires };
  });
}
