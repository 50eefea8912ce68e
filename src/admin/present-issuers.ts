import type { Identity, Issuer } from '../api/contract/issuers.ts';
import type { Output } from '../output/output.ts';
import { formatFields, formatTable } from '../output/table.ts';
import { fieldsNamed, toTable, type View } from '../output/view.ts';
import type { ShownIssuer } from './issuers.ts';

export const ISSUERS: View<Issuer> = {
  fields: {
    ...fieldsNamed('id', 'name', 'url', 'client_id', 'scope', 'audience', 'algorithms'),
    ...fieldsNamed('clock_skew', 'tenant_claim', 'member_role', 'create_users', 'session_days'),
    ...fieldsNamed('created_at', 'created_by'),
  },
  columns: [
    { key: 'name', title: 'NAME' },
    { key: 'url', title: 'ISSUER' },
    { key: 'client_id', title: 'CLIENT' },
    { key: 'create_users', title: 'MAKES USERS' },
    { key: 'tenant_claim', title: 'TENANT CLAIM' },
  ],
  empty: 'The server trusts no other.',
};

export function presentAddedIssuer(issuer: Issuer, out: Output): string {
  const title = out.style('bold', `People of ${issuer.url} can sign in from now on.`);
  const next = issuer.create_users
    ? 'Whoever signs in there becomes a user here.'
    : `Say who is who: cloud admin issuer link ${issuer.name} SUBJECT --user NAME`;
  return `${title}\n${fieldsOf(issuer)}\n\n${next}`;
}

export function presentIssuer(issuer: ShownIssuer, out: Output): string {
  const { identities } = issuer;
  if (identities.length === 0) return `${fieldsOf(issuer)}\n\nNobody of it is known here yet.`;
  const { rows, columns } = toTable(IDENTITIES, identities);
  return `${fieldsOf(issuer)}\n\n${formatTable(rows, columns, out.tableWidth)}`;
}

const IDENTITIES: View<Identity> = {
  fields: {
    user: ({ user }) => user.username,
    ...fieldsNamed('subject', 'created_at', 'last_sign_in_at'),
  },
  columns: [
    { key: 'user', title: 'USER' },
    { key: 'subject', title: 'SUBJECT' },
    { key: 'last_sign_in_at', title: 'LAST SIGN-IN' },
  ],
  empty: '',
};

function fieldsOf(issuer: Issuer): string {
  const { tenant_claim: claim } = issuer;
  return formatFields([
    ['Name', issuer.name],
    ['Issuer', issuer.url],
    ['Client', issuer.client_id],
    ['Scope', issuer.scope],
    ['Audience', issuer.audience],
    ['Algorithms', issuer.algorithms.join(' ')],
    ['Clock', `may be ${issuer.clock_skew} s off`],
    [
      'Tenants',
      claim === null ? 'by membership' : `by the claim ${claim}, as ${issuer.member_role}`,
    ],
    ['New users', issuer.create_users ? 'made when they first sign in' : 'are refused'],
    ['Sessions', `last at most ${issuer.session_days} days`],
  ]);
}

export function presentLinked(linked: Identity & { issuer: string }): string {
  return `${linked.subject} of ${linked.issuer} is ${linked.user.username} here.`;
}
