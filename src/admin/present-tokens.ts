import type { AdminToken, AdminTokenWithSecret } from '../api/contract/admin-tokens.ts';
import { shortDate, shortTime } from '../output/format.ts';
import type { Output } from '../output/output.ts';
import { formatFields } from '../output/table.ts';
import { fieldsNamed, toRecord, type View } from '../output/view.ts';

export const TOKENS: View<AdminToken> = {
  fields: fieldsNamed(
    ...(['id', 'prefix', 'last4', 'label', 'kind', 'scopes', 'tenant', 'owner', 'state'] as const),
    ...(['current', 'created_at', 'last_used_at', 'expires_at', 'replaced_by'] as const),
  ),
  columns: [
    { key: 'id', title: 'ID', whole: true },
    { key: 'label', title: 'LABEL' },
    { title: 'FOR', show: ({ tenant }) => tenant ?? 'the server' },
    { key: 'last4', title: 'LAST 4', ifRoom: true },
    { title: 'LAST USED', show: (token) => shortTime(token.last_used_at ?? 'never'), ifRoom: true },
    { title: 'UNTIL', show: untilWhen },
  ],
  empty: 'There is no token.',
};

function untilWhen({ state, expires_at: at }: AdminToken): string {
  return state === 'active' ? shortDate(at) : state;
}

/** The token alone on stdout, so that it can be piped; the rest on stderr. */
export function printNewToken(token: AdminTokenWithSecret, out: Output): void {
  const { token: secret, ...rest } = token;
  out.note(
    formatFields([
      ['Id', rest.id],
      ['Label', rest.label],
      ['For', rest.tenant ?? 'the server'],
      ['Allowed', rest.scopes.join(', ')],
      ['Until', `${shortTime(rest.expires_at)} UTC`],
    ]),
  );
  const use =
    rest.kind === 'admin' ? 'give it in CLOUD_ADMIN_TOKEN' : 'sign in: cloud login --token-stdin';
  out.note(`\nEffective immediately. The token, shown this once (${use}):`);
  out.secret({ ...toRecord(TOKENS, rest), token: secret }, secret);
}
