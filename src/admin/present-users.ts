import type { CreatedUser, Member, User } from '../api/contract/users.ts';
import { shortTime } from '../output/format.ts';
import type { Output } from '../output/output.ts';
import { formatFields } from '../output/table.ts';
import { fieldsNamed, toRecord, type View } from '../output/view.ts';

export const USERS: View<User> = {
  fields: {
    ...fieldsNamed('id', 'username', 'display_name', 'email', 'role', 'status'),
    memberships: membershipsOf,
    ...fieldsNamed('created_at', 'last_sign_in_at'),
  },
  columns: [
    { key: 'username', title: 'USER' },
    { key: 'display_name', title: 'NAME' },
    { key: 'role', title: 'ROLE' },
    { title: 'STATUS', show: ({ status }) => (status === 'active' ? '' : status) },
    { key: 'memberships', title: 'TENANTS' },
    { title: 'SIGNED IN', show: (user) => shortTime(user.last_sign_in_at ?? 'never') },
  ],
  empty: 'There is no such user.',
};

/** `acme:editor`. */
function membershipsOf({ memberships }: User): string[] {
  return memberships.map(({ tenant, role }) => `${tenant.slug}:${role}`);
}

export const MEMBERS: View<Member> = {
  fields: {
    user_id: ({ user }) => user.id,
    username: ({ user }) => user.username,
    display_name: ({ user }) => user.display_name,
    status: ({ user }) => user.status,
    ...fieldsNamed('role', 'created_at'),
  },
  columns: [
    { key: 'username', title: 'USER' },
    { key: 'display_name', title: 'NAME' },
    { key: 'role', title: 'ROLE' },
    { title: 'STATUS', show: ({ user }) => (user.status === 'active' ? '' : user.status) },
    { key: 'created_at', title: 'SINCE' },
  ],
  empty: 'Nobody is a member yet: cloud admin tenant member add',
};

export function presentUser(user: User): string {
  const time = (value: string | null): string | null =>
    value === null ? null : `${shortTime(value)} UTC`;
  return formatFields([
    ['User', user.username],
    ['Id', user.id],
    ['Name', user.display_name],
    ['E-mail', user.email],
    ['Role', user.role],
    ['Status', user.status],
    ['Tenants', membershipsOf(user).join(', ')],
    ['Added', time(user.created_at)],
    ['Signed in', time(user.last_sign_in_at) ?? 'never'],
  ]);
}

/** A password that was made alone on stdout, so that it can be piped; the rest on stderr. */
export function printNewUser(user: CreatedUser, out: Output): void {
  const { password, ...rest } = user;
  if (password === null) {
    out.show(rest, USERS, presentUser);
    return;
  }
  out.note(presentUser(rest));
  out.note('\nThe password, shown this once:');
  out.secret({ ...toRecord(USERS, rest), password }, password);
}

export function printNewPassword(username: string, password: string | null, out: Output): void {
  if (password === null) {
    out.result({ username }, () => `${username} has the new password; all sessions have ended.`);
    return;
  }
  out.note(`All sessions of ${username} have ended. The new password, shown this once:`);
  out.secret({ username, password }, password);
}
