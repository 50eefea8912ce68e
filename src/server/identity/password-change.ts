import type { ChangePassword } from '../../api/contract/auth.ts';
import { recordAudit } from '../domain/audit.ts';
import { HttpProblem, invalidField } from '../errors.ts';
import type { Origin } from './grants.ts';
import { assertGoodPassword } from './passwords.ts';
import type { Principal } from './principal.ts';
import { endSessionsOf } from './sessions.ts';
import { checkPassword, type SignInDeps } from './sign-in.ts';

/**
 * Of somebody who is signed in and knows the old one. Other sessions end: they may be those of
 * whoever made the change necessary.
 *
 * @throws HttpProblem 403 `session-needed`; 422 with the field; 429
 */
export async function changeOwnPassword(
  deps: SignInDeps,
  principal: Principal,
  request: ChangePassword,
  origin: Origin,
): Promise<void> {
  const { db, clock, passwords } = deps;
  const { user, credential } = principal;
  if (user === null || credential.kind !== 'session') {
    throw new HttpProblem(403, 'session-needed', 'Only somebody who has signed in may do this.');
  }
  assertGoodPassword(request.new_password, user.username, 'new_password');
  await assertKnown(deps, user.username, request.current_password, origin.address);
  const hash = await passwords.hash(request.new_password);
  const actor = { actor: principal.subject, requestId: origin.requestId };
  await db.transaction().execute(async (transaction) => {
    await transaction
      .updateTable('users')
      .set({ password_hash: hash, updated_at: new Date(clock.now()).toISOString() })
      .where('id', '=', user.id)
      .execute();
    await recordAudit(transaction, clock, {
      ...actor,
      type: 'PasswordChangedEvent',
      subjectId: user.id,
    });
    await endSessionsOf(
      transaction,
      clock,
      user.id,
      actor,
      'the password was changed',
      credential.id,
    );
  });
}

async function assertKnown(
  deps: SignInDeps,
  username: string,
  password: string,
  address: string,
): Promise<void> {
  try {
    await checkPassword(deps, { username, password, address });
  } catch (error) {
    if (!(error instanceof HttpProblem) || error.status !== 401) throw error;
    // A 401 would tell the client that it is not signed in.
    throw invalidField('current_password', 'This is not the password.');
  }
}
