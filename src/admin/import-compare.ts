import type { ApiClient } from '../api/client.ts';
import type { Tenant } from '../api/contract/admin.ts';
import type { AdminToken } from '../api/contract/admin-tokens.ts';
import type { User } from '../api/contract/users.ts';
import { AbortError } from '../output/errors.ts';
import type { BadLine, Wish } from './import-file.ts';

export type ImportReads = Pick<
  ApiClient,
  'listTenants' | 'showTenant' | 'listAdminTokens' | 'listUsers'
>;

export interface Imported {
  line: number;
  kind: Wish['kind'];
  /** Slug, user name or label. */
  name: string;
  /** Slug; null: a token of the server, or a user, who may belong to many. */
  tenant: string | null;
  /** `new`: it would be made. What is there but not in use: `removed`, `purging`, `deactivated`. */
  state: 'made' | 'there' | 'new' | Exclude<Tenant['status'], 'active'> | 'deactivated';
  /** Null while it is not made; a membership has none. */
  id: string | null;
  /** The token, or the API key of a new tenant that asked for one: shown this once. */
  token: string | null;
  /** Of a new user: shown this once. */
  password: string | null;
}

/** What a list needs to know of the server. */
interface Found {
  /** By what the list calls them: a slug, an id or a former slug. */
  tenants: ReadonlyMap<string, Tenant>;
  users: ReadonlyMap<string, User>;
  /** Slugs and user names that the list makes. */
  planned: ReadonlySet<string>;
  tokensOf: (ref: string | null) => Promise<readonly AdminToken[]>;
}

/** What the server has of it already. To `bad` goes what only now turns out to be impossible. */
export async function compareImport(
  client: ImportReads,
  wishes: readonly Wish[],
  bad: BadLine[],
): Promise<Map<Wish, Imported>> {
  const found = await lookUp(client, wishes);
  const lines = new Map<string, number>();
  const rows = new Map<Wish, Imported>();
  for (const wish of wishes) {
    const { line } = wish;
    const problem = whyImpossible(wish, found);
    if (problem !== undefined) bad.push({ line, problem });
    const row = await rowOf(wish, found);
    const name = JSON.stringify([row.kind, row.tenant, row.name]);
    const before = lines.get(name);
    if (before !== undefined) bad.push({ line, problem: `Line ${before} asks for it already.` });
    lines.set(name, before ?? line);
    rows.set(wish, row);
  }
  return rows;
}

async function lookUp(client: ImportReads, wishes: readonly Wish[]): Promise<Found> {
  const tenants = await tenantsNamed(client, wishes);
  const wantsUsers = wishes.some(({ kind }) => kind === 'user');
  const users = wantsUsers ? await client.listUsers() : [];
  const tokens = new Map<string | null, AdminToken[]>();
  return {
    tenants,
    users: new Map(users.map((user) => [user.username, user])),
    planned: new Set(wishes.flatMap((wish) => (wish.kind === 'tenant' ? wish.tenant.slug : []))),
    tokensOf: async (ref) => {
      const tenant = ref === null ? undefined : tenants.get(ref);
      const key = tenant?.slug ?? ref;
      const known = tokens.get(key) ?? (await tokensOf(client, tenant, ref));
      tokens.set(key, known);
      return known;
    },
  };
}

async function rowOf(wish: Wish, { tenants, users, tokensOf: tokens }: Found): Promise<Imported> {
  const { line, kind } = wish;
  const ref = tenantOf(wish);
  const tenant = ref === null ? undefined : tenants.get(ref);
  const common = { line, kind, tenant: tenant?.slug ?? ref, id: null, token: null, password: null };
  switch (wish.kind) {
    case 'tenant': {
      const name = common.tenant ?? '';
      if (tenant === undefined) return { ...common, name, state: 'new' };
      const state = tenant.status === 'active' ? 'there' : tenant.status;
      return { ...common, name, state, id: tenant.id };
    }
    case 'user': {
      const name = wish.user.username;
      const user = users.get(name);
      if (user === undefined) return { ...common, name, state: 'new' };
      return {
        ...common,
        name,
        state: user.status === 'active' ? 'there' : user.status,
        id: user.id,
      };
    }
    case 'member': {
      const { user: name } = wish.member;
      return { ...common, name, state: isMember(users.get(name), tenant) ? 'there' : 'new' };
    }
    case 'token': {
      const { label: name } = wish.token;
      const token = (await tokens(ref)).find(({ label }) => label === name);
      return {
        ...common,
        name,
        state: token === undefined ? 'new' : 'there',
        id: token?.id ?? null,
      };
    }
  }
}

function whyImpossible(wish: Wish, { tenants, users, planned }: Found): string | undefined {
  if (wish.kind === 'tenant' || wish.kind === 'user') return undefined;
  const ref = tenantOf(wish);
  const tenant = ref === null ? undefined : tenants.get(ref);
  if (wish.kind === 'member') {
    const user = users.get(wish.member.user);
    if (isMember(user, tenant)) return undefined;
    const why = user === undefined ? undefined : whyNoMember(user);
    if (why !== undefined) return why;
  }
  if (ref === null) return undefined;
  if (tenant === undefined) {
    return planned.has(ref) ? undefined : `There is no tenant ${ref}, here or at the server.`;
  }
  return tenant.status === 'active' ? undefined : `The tenant ${tenant.slug} is not active.`;
}

function whyNoMember({ username, role, status }: User): string | undefined {
  if (status !== 'active') return `The user ${username} is ${status}.`;
  return role === 'member' ? undefined : `${username} is ${role} of the server, and no member.`;
}

function isMember(user: User | undefined, tenant: Tenant | undefined): boolean {
  return user?.memberships.some((each) => each.tenant.id === tenant?.id) === true;
}

function tenantOf(wish: Wish): string | null {
  switch (wish.kind) {
    case 'tenant':
      return wish.tenant.slug;
    case 'user':
      return null;
    case 'member':
      return wish.tenantRef;
    case 'token':
      return wish.token.tenant;
  }
}

async function tenantsNamed(
  client: ImportReads,
  wishes: readonly Wish[],
): Promise<Map<string, Tenant>> {
  const { tenants } = await client.listTenants();
  const named = new Map<string, Tenant>(
    tenants.flatMap((tenant) => [[tenant.slug, tenant] as const, [tenant.id, tenant] as const]),
  );
  for (const ref of new Set(wishes.map(tenantOf))) {
    if (ref === null || named.has(ref)) continue;
    const former = await formerlyCalled(client, ref);
    if (former !== undefined) named.set(ref, former);
  }
  return named;
}

async function formerlyCalled(client: ImportReads, ref: string): Promise<Tenant | undefined> {
  try {
    return await client.showTenant(ref);
  } catch (error) {
    if (error instanceof AbortError && error.code === 'tenant-not-found') return undefined;
    throw error;
  }
}

/** In force and of the tenant itself, not of one of its users; or of the server. */
async function tokensOf(
  client: ImportReads,
  tenant: Tenant | undefined,
  ref: string | null,
): Promise<AdminToken[]> {
  if (ref === null) {
    const { tokens } = await client.listAdminTokens({});
    return tokens.filter((token) => token.tenant === null);
  }
  if (tenant === undefined) return [];
  const { tokens } = await client.listAdminTokens({ tenant: tenant.id });
  return tokens.filter(({ owner }) => owner === null);
}
