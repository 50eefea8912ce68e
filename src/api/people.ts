import {
  CreatedUser,
  Member,
  MemberList,
  NewPassword,
  User,
  UserList,
  type AddMember,
  type ChangeMember,
  type ChangeUser,
  type CreateUser,
  type ResetPassword,
  type UserQuery,
} from './contract/users.ts';
import { pathPart, withQuery, type Send } from './request.ts';

/** Users and who works in which tenant. `user` is an id or a user name, `tenant` an id or a slug. */
export interface PeopleCalls {
  createUser(body: CreateUser): Promise<CreatedUser>;
  /** All pages of them. */
  listUsers(filter?: Omit<UserQuery, 'after'>): Promise<User[]>;
  showUser(user: string): Promise<User>;
  changeUser(user: string, body: ChangeUser): Promise<User>;
  deactivateUser(user: string): Promise<User>;
  activateUser(user: string): Promise<User>;
  resetPassword(user: string, body: ResetPassword): Promise<NewPassword>;
  addMember(tenant: string, body: AddMember): Promise<Member>;
  /** All pages of them. */
  listMembers(tenant: string): Promise<Member[]>;
  changeMember(tenant: string, user: string, body: ChangeMember): Promise<Member>;
  removeMember(tenant: string, user: string): Promise<void>;
}

export function peopleCalls(send: Send): PeopleCalls {
  const users = 'api/v1/admin/users';
  const one = (user: string): string => `${users}/${pathPart(user)}`;
  const members = (tenant: string): string => `api/v1/admin/tenants/${pathPart(tenant)}/members`;
  return {
    createUser: (json) => send({ method: 'POST', path: users, json, answer: CreatedUser }),
    listUsers: (filter = {}) =>
      allPages(async (after) => {
        const path = withQuery(users, { ...filter, after });
        const { users: items, next } = await send({ method: 'GET', path, answer: UserList });
        return { items, next };
      }),
    showUser: (user) => send({ method: 'GET', path: one(user), answer: User, mayBeGone: true }),
    changeUser: (user, json) =>
      send({ method: 'PATCH', path: one(user), json, answer: User, mayBeGone: true }),
    deactivateUser: (user) =>
      send({ method: 'POST', path: `${one(user)}/deactivate`, answer: User, mayBeGone: true }),
    activateUser: (user) =>
      send({ method: 'POST', path: `${one(user)}/activate`, answer: User, mayBeGone: true }),
    resetPassword: (user, json) =>
      send({
        method: 'POST',
        path: `${one(user)}/reset-password`,
        json,
        answer: NewPassword,
        mayBeGone: true,
      }),
    addMember: (tenant, json) =>
      send({ method: 'POST', path: members(tenant), json, answer: Member, mayBeGone: true }),
    listMembers: (tenant) =>
      allPages(async (after) => {
        const path = withQuery(members(tenant), { after });
        const answer = await send({ method: 'GET', path, answer: MemberList, mayBeGone: true });
        return { items: answer.members, next: answer.next };
      }),
    changeMember: (tenant, user, json) =>
      send({
        method: 'PATCH',
        path: `${members(tenant)}/${pathPart(user)}`,
        json,
        answer: Member,
        mayBeGone: true,
      }),
    removeMember: async (tenant, user) => {
      await send({ method: 'DELETE', path: `${members(tenant)}/${pathPart(user)}` });
    },
  };
}

/** Asks for page after page; `after` is undefined for the first. */
export async function allPages<T>(
  page: (after: string | undefined) => Promise<{ items: readonly T[]; next: string | null }>,
): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  do {
    const { items, next } = await page(after);
    all.push(...items);
    after = next ?? undefined;
  } while (after !== undefined);
  return all;
}
