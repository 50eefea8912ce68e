import type { Output } from '../output/output.ts';
import { fieldsNamed, type View } from '../output/view.ts';
import type { Imported } from './import-compare.ts';

const IMPORTED: View<Imported> = {
  fields: fieldsNamed('line', 'kind', 'name', 'tenant', 'state', 'id', 'token', 'password'),
  columns: [
    { key: 'line', title: 'LINE', align: 'right' },
    { key: 'kind', title: 'KIND' },
    { key: 'name', title: 'NAME' },
    { title: 'FOR', show: forWhom },
    { key: 'state', title: 'STATE' },
  ],
  empty: 'The file asks for nothing.',
};

function forWhom({ kind, tenant }: Imported): string {
  // Of a tenant its name says it.
  if (kind === 'tenant' || kind === 'user') return '';
  return tenant ?? 'the server';
}

/** The rows on stdout, with what is secret and new; what it came to on stderr. */
export function printImport(rows: readonly Imported[], out: Output): void {
  const secrets = rows.filter((row) => secretOf(row) !== null);
  const forPeople = out.options.format === 'table';
  if (forPeople || secrets.length === 0) out.list(rows, IMPORTED);
  else out.secrets(rows, IMPORTED);
  if (forPeople) printSecrets(secrets, out);
  const number = (wanted: Imported['state']): number =>
    rows.filter(({ state }) => state === wanted).length;
  const fresh = number('new');
  const made = number('made');
  const there = rows.length - fresh - made;
  if (fresh > 0) out.note(`\nWould make ${fresh}; ${there} there already. Nothing was changed.`);
  else if (rows.length > 0) out.note(`\nMade ${made}; ${there} there already.`);
  if (secrets.length > 0) {
    out.note('Tokens and passwords are shown this once. Effective immediately.');
  }
}

/** Below the table, where a narrow terminal cuts none of them. */
function printSecrets(rows: readonly Imported[], out: Output): void {
  for (const row of rows) {
    out.line(`\n${row.kind} ${row.name} (line ${row.line}):`);
    out.secret(row, secretOf(row) ?? '');
  }
}

function secretOf({ token, password }: Imported): string | null {
  return token ?? password;
}
