import type { ApiClient } from '../api/client.ts';
import * as z from 'zod/mini';
import { TenantRole } from '../api/contract/scopes.ts';
import {
  AddMember,
  ChangeUser,
  CreateUser,
  ResetPassword,
  USERNAME,
  type CreatedUser,
  type Member,
  type User,
} from '../api/contract/users.ts';
import { checked } from '../api/checked.ts';
import { closest } from '../output/closest.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';

type Users = Pick<ApiClient, 'createUser' | 'changeUser' | 'resetPassword'>;
type Members = Pick<ApiClient, 'listMembers' | 'removeMember'>;

export interface WantedUser {
  username: string;
  name?: string | undefined;
  email?: string | undefined;
  role?: string | undefined;
  /** Undefined: the server makes one. */
  password?: string | undefined;
}

/** @throws AbortError `invalid-field` (2) before the server is asked; the server's refusals */
export async function addUser(client: Users, wanted: WantedUser): Promise<CreatedUser> {
  const { username, name: display_name, email, role, password } = wanted;
  const body = checked(CreateUser, { username, display_name, email, role, password }, COMPLAINTS);
  return createUser(client, body);
}

export async function createUser(
  client: Pick<ApiClient, 'createUser'>,
  body: CreateUser,
): Promise<CreatedUser> {
  const user = await client.createUser(body);
  if (user.password !== null) registerSecret(user.password);
  return user;
}

const ListedUser = z.extend(z.omit(CreateUser, { password: true }), {
  memberships: z.optional(
    z.array(z.strictObject({ tenant: AddMember.shape.user, role: TenantRole })),
  ),
});

/**
 * A user of a list, its name in the form that the server gives it.
 *
 * @throws AbortError `invalid-field` (2)
 */
export function checkListedUser(body: unknown) {
  const { memberships = [], ...user } = checked(ListedUser, body, {
    ...COMPLAINTS,
    memberships: 'A membership is {"tenant":SLUG,"role":…}: tenant_admin, editor or viewer.',
    password: 'A password does not stand in a list: one is made and shown once.',
  });
  const username = user.username.normalize('NFKC').toLowerCase();
  const wrong = !USERNAME.test(username) ? COMPLAINTS['username'] : whyNoMember(user, memberships);
  if (wrong === undefined) return { ...user, username, memberships };
  throw new AbortError('invalid-field', wrong, { exitCode: ExitCode.usage });
}

function whyNoMember(
  { role = 'member' }: Pick<CreateUser, 'role'>,
  memberships: readonly { tenant: string }[],
): string | undefined {
  if (memberships.length === 0) return undefined;
  if (role !== 'member') return 'An owner or admin of the server is a member of no tenant.';
  const names = memberships.map(({ tenant }) => tenant);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined ? undefined : `The tenant ${twice} stands there twice.`;
}

/** An empty name or address takes it away. @throws AbortError as `addUser`; `usage` (2) */
export async function changeUser(
  client: Users,
  user: string,
  change: Omit<WantedUser, 'username' | 'password'>,
): Promise<User> {
  const { name: display_name, email, role } = change;
  if (Object.values(change).every((value) => value === undefined)) {
    throw new AbortError('usage', 'Give --name, --email or --role.', { exitCode: ExitCode.usage });
  }
  const emptied = { display_name: display_name === '' ? null : display_name };
  const body = { ...emptied, email: email === '' ? null : email, role };
  return client.changeUser(user, checked(ChangeUser, body, COMPLAINTS));
}

/** @returns the password that the server made; null for a given one */
export async function resetPassword(
  client: Users,
  user: string,
  password: string | undefined,
): Promise<string | null> {
  const answer = await client.resetPassword(user, checked(ResetPassword, { password }, COMPLAINTS));
  if (answer.password !== null) registerSecret(answer.password);
  return answer.password;
}

const COMPLAINTS: Readonly<Record<string, string>> = {
  username: 'A user name has 1 to 64 letters, digits and . _ @ + -.',
  display_name: 'A name has 1 to 100 characters on one line, with no space at its ends.',
  email: 'This is no e-mail address.',
  role: 'A role on the server is owner, admin or member.',
  password: 'A password has 1 to 1,024 characters.',
};

/**
 * To the server nothing is wrong with one who is no member; to a person who mistyped a name it is.
 *
 * @throws AbortError `not-found` (2)
 */
export async function removeMember(
  client: Members,
  tenant: string,
  typed: string,
): Promise<Member> {
  const members = await client.listMembers(tenant);
  const member = members.find(({ user: { id, username } }) => {
    return id === typed || username === typed.toLowerCase();
  });
  if (member === undefined) {
    const guess = closest(
      typed,
      members.map(({ user }) => user.username),
    );
    throw new AbortError('not-found', `${typed} is no member of ${tenant}.`, {
      exitCode: ExitCode.usage,
      suggestions: [
        ...(guess === undefined ? [] : [`Did you mean ${guess}?`]),
        `cloud admin tenant member list ${tenant}`,
      ],
    });
  }
  await client.removeMember(tenant, member.user.id);
  return member;
}
