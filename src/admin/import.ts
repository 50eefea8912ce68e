import type { ApiClient } from '../api/client.ts';
import type { Tenant } from '../api/contract/admin.ts';
import type { AdminToken } from '../api/contract/admin-tokens.ts';
import { AbortError } from '../output/errors.ts';
import { assertNoneBad, readImport, type BadLine, type Wish } from './import-file.ts';
import { createTenant } from './tenants.ts';
import { createToken } from './tokens.ts';

type Client = Pick<
  ApiClient,
  'listTenants' | 'showTenant' | 'createTenant' | 'listAdminTokens' | 'createAdminToken'
>;

export interface Imported {
  line: number;
  kind: 'tenant' | 'token';
  /** Slug or label. */
  name: string;
  /** Slug; null: a token of the server. */
  tenant: string | null;
  /** `new`: it would be made. A tenant that is there but not in use is `removed` or `purging`. */
  state: 'made' | 'there' | 'new' | Exclude<Tenant['status'], 'active'>;
  /** Null while it is not made. */
  id: string | null;
  /** The token, or the API key of a new tenant that asked for one: shown this once. */
  token: string | null;
}

export interface ImportEnd {
  /** In the order of the lines, as far as it came. */
  rows: Imported[];
  /** What ended it before its end. What was made stays, and may have a secret to be shown. */
  failure: Error | undefined;
}

/**
 * Makes what the file asks for and the server does not have; what is there is not changed. Again it
 * makes nothing, and after a failure the rest.
 *
 * @throws AbortError `import-unreadable`, `import-invalid` (2), before anything is made
 */
export async function importFile(
  client: Client,
  path: string,
  { dryRun }: { dryRun: boolean },
): Promise<ImportEnd> {
  const { wishes, bad } = await readImport(path);
  assertNoneBad(path, bad);
  const rows = await compare(client, wishes, bad);
  assertNoneBad(path, bad);
  if (dryRun) return { rows: [...rows.values()], failure: undefined };
  const ended: Imported[] = [];
  // A token may stand above its tenant.
  const inOrder = [...rows].toSorted(([a], [b]) => Number('token' in a) - Number('token' in b));
  let failure: Error | undefined;
  for (const [wish, row] of inOrder) {
    try {
      ended.push(row.state === 'new' ? await make(client, wish, row) : row);
    } catch (error) {
      failure = atLine(row.line, error);
      break;
    }
  }
  return { rows: ended.toSorted((a, b) => a.line - b.line), failure };
}

async function make(client: Client, wish: Wish, row: Imported): Promise<Imported> {
  if ('tenant' in wish) {
    const { id, api_key: token } = await createTenant(client, wish.tenant);
    return { ...row, state: 'made', id, token };
  }
  const { id, token } = await createToken(client, wish.token);
  return { ...row, state: 'made', id, token };
}

function atLine(line: number, error: unknown): Error {
  if (!(error instanceof AbortError)) return error as Error;
  const { code, message, exitCode, suggestions, details, cause } = error;
  return new AbortError(code, `Line ${line}: ${message}`, {
    ...{ exitCode, cause },
    suggestions: [...suggestions, 'What is above was made. Run it again for the rest.'],
    details: { ...details, line },
  });
}

/** What the server has of it already. To `bad` goes what only now turns out to be impossible. */
async function compare(
  client: Client,
  wishes: readonly Wish[],
  bad: BadLine[],
): Promise<Map<Wish, Imported>> {
  const tenants = await tenantsNamed(client, wishes);
  const planned = new Set(wishes.flatMap((wish) => ('tenant' in wish ? wish.tenant.slug : [])));
  const tokens = new Map<string | null, AdminToken[]>();
  const lines = new Map<string, number>();
  const rows = new Map<Wish, Imported>();
  for (const wish of wishes) {
    const { line } = wish;
    const ref = 'tenant' in wish ? wish.tenant.slug : wish.token.tenant;
    const found = ref === null ? undefined : tenants.get(ref);
    let row = tenantRow(line, ref ?? '', found);
    if ('token' in wish) {
      const problem = ref === null ? undefined : whyNoTokenFor(ref, found, planned);
      if (problem !== undefined) bad.push({ line, problem });
      const tenant = found?.slug ?? ref;
      if (!tokens.has(tenant)) tokens.set(tenant, await tokensOf(client, found, ref));
      row = tokenRow(line, wish.token.label, tenant, tokens.get(tenant) ?? []);
    }
    const name = JSON.stringify([row.kind, row.tenant, row.name]);
    const before = lines.get(name);
    if (before !== undefined) bad.push({ line, problem: `Line ${before} asks for it already.` });
    lines.set(name, before ?? line);
    rows.set(wish, row);
  }
  return rows;
}

function whyNoTokenFor(
  ref: string,
  tenant: Tenant | undefined,
  planned: ReadonlySet<string>,
): string | undefined {
  if (tenant === undefined) {
    return planned.has(ref) ? undefined : `There is no tenant ${ref}, here or at the server.`;
  }
  return tenant.status === 'active' ? undefined : `The tenant ${tenant.slug} is not active.`;
}

function tokenRow(
  line: number,
  name: string,
  tenant: string | null,
  tokens: readonly AdminToken[],
): Imported {
  const found = tokens.find(({ label }) => label === name);
  const state = found === undefined ? 'new' : 'there';
  return { line, kind: 'token', name, tenant, state, id: found?.id ?? null, token: null };
}

function tenantRow(line: number, wanted: string, found: Tenant | undefined): Imported {
  const slug = found?.slug ?? wanted;
  const common = { line, kind: 'tenant', name: slug, tenant: slug, token: null } as const;
  if (found === undefined) return { ...common, state: 'new', id: null };
  return { ...common, state: found.status === 'active' ? 'there' : found.status, id: found.id };
}

/** By what the file calls them: a slug, an id or a former slug. */
async function tenantsNamed(client: Client, wishes: readonly Wish[]): Promise<Map<string, Tenant>> {
  const { tenants } = await client.listTenants();
  const named = new Map<string, Tenant>(
    tenants.flatMap((tenant) => [[tenant.slug, tenant] as const, [tenant.id, tenant] as const]),
  );
  const refs = wishes.map((wish) => ('tenant' in wish ? wish.tenant.slug : wish.token.tenant));
  for (const ref of new Set(refs)) {
    if (ref === null || named.has(ref)) continue;
    const former = await formerlyCalled(client, ref);
    if (former !== undefined) named.set(ref, former);
  }
  return named;
}

async function formerlyCalled(client: Client, ref: string): Promise<Tenant | undefined> {
  try {
    return await client.showTenant(ref);
  } catch (error) {
    if (error instanceof AbortError && error.code === 'tenant-not-found') return undefined;
    throw error;
  }
}

/** In force and of the tenant itself, not of one of its users; or of the server. */
async function tokensOf(
  client: Client,
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
