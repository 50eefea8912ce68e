import type { AuthSession } from '../api/contract/auth.ts';
import type { Account } from '../session/open.ts';
import { findByName } from './find.ts';

export interface RevokedSessions {
  /** Ids. */
  revoked: string[];
  /** The session of this machine is among them. */
  signed_out: boolean;
}

export async function listSessions({ api }: Account): Promise<AuthSession[]> {
  return (await api.listSessions()).sessions;
}

/**
 * Ends one session (`id`, or the beginning of it), all others, or all.
 *
 * @throws AbortError `not-found`, `ambiguous` (2)
 */
export async function revokeSessions(
  { api }: Account,
  which: { id: string } | 'others' | 'all',
): Promise<RevokedSessions> {
  const { sessions } = await api.listSessions();
  if (which === 'others' || which === 'all') {
    await api.revokeSessions(which);
    const ended = sessions.filter(({ current }) => which === 'all' || !current);
    return summary(ended);
  }
  const one = findByName(sessions, which.id, 'session', ({ id }) => [id]);
  await api.revokeSession(one.id);
  return summary([one]);
}

function summary(ended: readonly AuthSession[]): RevokedSessions {
  return {
    revoked: ended.map(({ id }) => id),
    signed_out: ended.some(({ current }) => current),
  };
}
