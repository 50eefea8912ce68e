import type { ApiClient } from '../api/client.ts';
import { AbortError } from '../output/errors.ts';
import { compareImport, type Imported, type ImportReads } from './import-compare.ts';
import { assertNoneBad, readImport, type Wish } from './import-file.ts';
import { createTenant } from './tenants.ts';
import { createToken } from './tokens.ts';
import { createUser } from './users.ts';

type ImportWrites = Pick<
  ApiClient,
  'createTenant' | 'createUser' | 'addMember' | 'createAdminToken'
>;

export interface ImportClients {
  reads: ImportReads;
  /** Is not interrupted: the answer to what was made may hold a secret that nobody gets again. */
  writes: ImportWrites;
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
  { reads, writes }: ImportClients,
  path: string,
  { dryRun, signal }: { dryRun: boolean; signal: AbortSignal },
): Promise<ImportEnd> {
  const { wishes, bad } = await readImport(path);
  assertNoneBad(path, bad);
  const rows = await compareImport(reads, wishes, bad);
  assertNoneBad(path, bad);
  if (dryRun) return { rows: [...rows.values()], failure: undefined };
  const ended: Imported[] = [];
  // A token or a member may stand above its tenant.
  const inOrder = [...rows].toSorted(([a], [b]) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
  let failure: Error | undefined;
  for (const [wish, row] of inOrder) {
    try {
      signal.throwIfAborted();
      ended.push(row.state === 'new' ? await make(writes, wish, row) : row);
    } catch (error) {
      failure = atLine(row.line, error);
      break;
    }
  }
  return { rows: ended.toSorted((a, b) => a.line - b.line), failure };
}

const ORDER: readonly Wish['kind'][] = ['tenant', 'user', 'member', 'token'];

async function make(client: ImportWrites, wish: Wish, row: Imported): Promise<Imported> {
  const made = { ...row, state: 'made' as const };
  switch (wish.kind) {
    case 'tenant': {
      const { id, api_key: token } = await createTenant(client, wish.tenant);
      return { ...made, id, token };
    }
    case 'user': {
      const { id, password } = await createUser(client, wish.user);
      return { ...made, id, password };
    }
    case 'member':
      await client.addMember(wish.tenantRef, wish.member);
      return made;
    case 'token': {
      const { id, token } = await createToken(client, wish.token);
      return { ...made, id, token };
    }
  }
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
