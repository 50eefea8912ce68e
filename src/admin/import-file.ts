import { readFile } from 'node:fs/promises';
import { RESERVED_SLUGS, type CreateTenant } from '../api/contract/admin.ts';
import type { CreateAdminToken } from '../api/contract/admin-tokens.ts';
import { INSTANCE_SCOPES } from '../api/contract/scopes.ts';
import type { AddMember, CreateUser } from '../api/contract/users.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { count } from '../output/format.ts';
import { decodeText, isErrno } from '../platform/atomic-file.ts';
import { checkTenant } from './tenants.ts';
import { checkToken } from './tokens.ts';
import { checkListedUser } from './users.ts';

/** One thing that a line asks for: the body of the request that makes it. */
export type Wish = { line: number } & (
  | { kind: 'tenant'; tenant: CreateTenant }
  | { kind: 'user'; user: ListedUser }
  | { kind: 'member'; tenantRef: string; member: AddMember }
  | { kind: 'token'; token: CreateAdminToken }
);

/** A user as a list names it, `memberships` aside: those are wishes of their own. */
export type ListedUser = Omit<CreateUser, 'password'>;

export interface BadLine {
  line: number;
  problem: string;
}

/**
 * Reads a list of tenants, users and tokens, one JSON object a line: `{"tenant": …}`, `{"user": …}` or
 * `{"token": …}`. Empty lines are skipped. What a user belongs to stands in its line.
 *
 * @throws AbortError `import-unreadable` (2)
 */
export async function readImport(path: string): Promise<{ wishes: Wish[]; bad: BadLine[] }> {
  const wishes: Wish[] = [];
  const bad: BadLine[] = [];
  for (const [index, text] of (await readText(path)).split('\n').entries()) {
    if (text.trim() === '') continue;
    const asked = wishesOf(text, index + 1);
    if ('problem' in asked) bad.push(asked);
    else wishes.push(...asked);
  }
  return { wishes, bad };
}

/** @throws AbortError `import-invalid` (2), naming the lines */
export function assertNoneBad(path: string, bad: readonly BadLine[]): void {
  if (bad.length === 0) return;
  const lines = bad.toSorted((a, b) => a.line - b.line);
  throw new AbortError(
    'import-invalid',
    `Nothing was made: ${count(lines.length, 'line')} of ${path} cannot be imported.`,
    {
      exitCode: ExitCode.usage,
      suggestions: lines.map(({ line, problem }) => `Line ${line}: ${problem}`),
      details: { lines },
    },
  );
}

async function readText(path: string): Promise<string> {
  try {
    return decodeText(await readFile(path));
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT', 'EISDIR', 'EACCES', 'EPERM', 'ENOTDIR')) throw cause;
    throw new AbortError('import-unreadable', `Cannot read ${path}.`, {
      exitCode: ExitCode.usage,
      cause,
    });
  }
}

const KINDS = ['tenant', 'user', 'token'] as const;
type Kind = (typeof KINDS)[number];

function wishesOf(text: string, line: number): Wish[] | BadLine {
  const entry = entryOf(text);
  if (entry === undefined) {
    return { line, problem: 'It is none of {"tenant":{…}}, {"user":{…}} and {"token":{…}}.' };
  }
  const [kind, body] = entry;
  try {
    if (kind === 'tenant') return [{ line, kind, tenant: unreserved(checkTenant(body)) }];
    if (kind === 'token') return [{ line, kind, token: fitting(checkToken(body)) }];
    const { memberships, ...user } = checkListedUser(body);
    return [
      { line, kind, user },
      ...memberships.map(({ tenant, role }): Wish => {
        const member = { user: user.username, role };
        return { line, kind: 'member', tenantRef: tenant, member };
      }),
    ];
  } catch (error) {
    if (error instanceof AbortError) return { line, problem: error.message };
    throw error;
  }
}

/** The only key of the object on a line, and what is under it. */
function entryOf(text: string): [Kind, unknown] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const [entry, ...more]: [string, unknown][] = Object.entries(value ?? {});
  if (entry === undefined || more.length > 0) return undefined;
  const kind = KINDS.find((each) => each === entry[0]);
  return kind === undefined ? undefined : [kind, entry[1]];
}

function unreserved(tenant: CreateTenant): CreateTenant {
  if (!RESERVED_SLUGS.has(tenant.slug)) return tenant;
  throw new AbortError('slug-reserved', `The slug ${tenant.slug} is reserved.`);
}

/** As the server would judge the scopes, so that it does not refuse them in the middle. */
function fitting(token: CreateAdminToken): CreateAdminToken {
  const { tenant, scopes } = token;
  const instance = INSTANCE_SCOPES as readonly string[];
  if (tenant === null && scopes?.some((scope) => instance.includes(scope)) === false) {
    throw new AbortError(
      'invalid-field',
      `To administer the server it needs one of ${instance.join(', ')}.`,
    );
  }
  const unfit = scopes?.find((scope) => instance.includes(scope));
  if (tenant === null || unfit === undefined) return token;
  throw new AbortError('invalid-field', `A token that is bound to a tenant cannot have ${unfit}.`);
}
