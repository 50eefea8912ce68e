import type { Output } from '../output/output.ts';
import { fieldsNamed, type View } from '../output/view.ts';
import type { Imported } from './import.ts';

const IMPORTED: View<Imported> = {
  fields: fieldsNamed('line', 'kind', 'name', 'tenant', 'state', 'id', 'token'),
  columns: [
    { key: 'line', title: 'LINE', align: 'right' },
    { key: 'kind', title: 'KIND' },
    { key: 'name', title: 'NAME' },
    { title: 'FOR', show: ({ tenant }) => tenant ?? 'the server' },
    { key: 'state', title: 'STATE' },
    { title: 'TOKEN', show: ({ token }) => token },
  ],
  empty: 'The file asks for nothing.',
};

/** The rows on stdout, with the new tokens; what it came to on stderr. */
export function printImport(rows: readonly Imported[], out: Output): void {
  if (rows.some(({ token }) => token !== null)) out.secrets(rows, IMPORTED);
  else out.list(rows, IMPORTED);
  const number = (wanted: Imported['state']): number =>
    rows.filter(({ state }) => state === wanted).length;
  const fresh = number('new');
  const made = number('made');
  const there = rows.length - fresh - made;
  if (fresh > 0) out.note(`\nWould make ${fresh}; ${there} there already. Nothing was changed.`);
  else if (rows.length > 0) out.note(`\nMade ${made}; ${there} there already.`);
  if (rows.some(({ token }) => token !== null)) {
    out.note('The tokens are shown this once. Effective immediately.');
  }
}
