import * as z from 'zod/mini';
import { Shown, TenantSummary } from './auth.ts';
import { Next, pageQuery } from './page.ts';
import { InstanceRole, TenantRole } from './scopes.ts';

/**
 * Lower-case ASCII, so that no name can look like another one in a different script. What a person
 * types is brought to this form (NFKC, lower case) before it is checked.
 */
export const USERNAME = /^[a-z0-9](?:[a-z0-9._@+-]{0,62}[a-z0-9])?$/;
const Username = z.string().check(z.minLength(1), z.maxLength(256));
export const Email = z.email().check(z.maxLength(254));
const Password = z.string().check(z.minLength(1), z.maxLength(1024));

/**
 * `POST /api/v1/admin/users`, 201 with `CreatedUser`. `role` is `member` by default. Without a
 * password one is made. 409 `username-taken`; 422 `owner-needed`: only an owner makes an owner.
 */
export const CreateUser = z.strictObject({
  username: Username,
  display_name: z.optional(z.nullable(Shown)),
  email: z.optional(z.nullable(Email)),
  role: z.optional(InstanceRole),
  password: z.optional(Password),
});
export type CreateUser = z.infer<typeof CreateUser>;

/**
 * `PATCH /api/v1/admin/users/{id}`, 200 with `User`: what is absent stays, null empties. 409
 * `last-owner` when nobody would be left who owns the server; 422 `owner-needed` for making an owner
 * without being one, 403 `owner-needed` for changing one.
 */
export const ChangeUser = z.strictObject({
  display_name: z.optional(z.nullable(Shown)),
  email: z.optional(z.nullable(Email)),
  role: z.optional(InstanceRole),
});
export type ChangeUser = z.infer<typeof ChangeUser>;

const UserStatus = z.enum(['active', 'deactivated']);

/** `{id}` in an address is an id or a user name; 404 for what is not there. */
export const User = z.object({
  id: z.uuid(),
  username: z.string(),
  display_name: z.nullable(z.string()),
  email: z.nullable(z.string()),
  role: InstanceRole,
  status: UserStatus,
  memberships: z.array(z.object({ tenant: TenantSummary, role: TenantRole })),
  created_at: z.string(),
  last_sign_in_at: z.nullable(z.string()),
});
export type User = z.infer<typeof User>;

/** Of the query of `GET /api/v1/admin/users`; `tenant` (id or slug): members of this one. */
export const UserQuery = z.strictObject({
  ...pageQuery,
  role: z.optional(InstanceRole),
  status: z.optional(UserStatus),
  tenant: z.optional(z.string().check(z.minLength(1), z.maxLength(64))),
});
export type UserQuery = z.infer<typeof UserQuery>;

/** `GET /api/v1/admin/users`, by name, in pages. */
export const UserList = z.object({ users: z.array(User), next: Next });
export type UserList = z.infer<typeof UserList>;

export const CreatedUser = z.extend(User, {
  /** Shown once; null when the request brought one. */
  password: z.nullable(z.string()),
});
export type CreatedUser = z.infer<typeof CreatedUser>;

/**
 * Optional body of `POST /api/v1/admin/users/{id}/reset-password`, 200 with `NewPassword`. Ends the
 * user's sessions. Beside it `…/deactivate` (ends sessions and API keys at once) and `…/activate`,
 * without a body, 200 with `User`.
 */
export const ResetPassword = z.strictObject({ password: z.optional(Password) });
export type ResetPassword = z.infer<typeof ResetPassword>;

export const NewPassword = z.object({ password: z.nullable(z.string()) });
export type NewPassword = z.infer<typeof NewPassword>;

/**
 * `POST /api/v1/admin/tenants/{id}/members`, 201 with `Member`; `user` is an id or a user name.
 * 409 `already-member`; 422 for one that is deactivated, or an owner or admin, who may do
 * everything without being a member.
 */
export const AddMember = z.strictObject({
  user: z.string().check(z.minLength(1), z.maxLength(256)),
  role: TenantRole,
});
export type AddMember = z.infer<typeof AddMember>;

/**
 * `PATCH /api/v1/admin/tenants/{id}/members/{user}`, 404 `member-not-found`. `DELETE` of the same is
 * 204, also for one who is no member.
 */
export const ChangeMember = z.strictObject({ role: TenantRole });
export type ChangeMember = z.infer<typeof ChangeMember>;

export const Member = z.object({
  user: z.object({
    id: z.uuid(),
    username: z.string(),
    display_name: z.nullable(z.string()),
    status: UserStatus,
  }),
  role: TenantRole,
  created_at: z.string(),
});
export type Member = z.infer<typeof Member>;

/** `GET /api/v1/admin/tenants/{id}/members` (query `PageQuery`), by name, in pages. */
export const MemberList = z.object({ members: z.array(Member), next: Next });
export type MemberList = z.infer<typeof MemberList>;
