import { expect, test } from 'vitest';
import { Output, type OutputFormat } from '../../../src/output/output.ts';
import { fieldsNamed, type View } from '../../../src/output/view.ts';

interface Key {
  id: string;
  label: string;
  scopes: readonly string[];
  current: boolean;
  created_at: string;
  last_used_at: string | null;
}

const KEYS: View<Key> = {
  fields: fieldsNamed('id', 'label', 'scopes', 'current', 'created_at', 'last_used_at'),
  columns: [
    { title: 'ID', show: ({ id }) => id.slice(0, 4) },
    { key: 'label', title: 'LABEL' },
    { key: 'scopes', title: 'SCOPES' },
    { key: 'current', title: 'CURRENT' },
    { key: 'created_at', title: 'CREATED' },
  ],
  empty: 'There is no key.',
};
const key: Key = {
  id: 'abcdefgh',
  label: 'a "build"\tmachine\u001b[2J',
  scopes: ['mount', 'tenant'],
  current: true,
  created_at: '2026-01-31T12:00:00.000Z',
  last_used_at: null,
};

/** What goes to stdout and stderr in a form. */
function written(format: OutputFormat, say: (out: Output) => void): [string, string] {
  const texts: [string[], string[]] = [[], []];
  const stream = (index: 0 | 1) => ({ write: (text: string) => texts[index].push(text) });
  const rest = { quiet: false, verbose: false, color: false, animated: false, interactive: false };
  say(new Output({ format, ...rest, stdout: stream(0), stderr: stream(1) }));
  return [texts[0].join(''), texts[1].join('')];
}

test('TSV and JSON have the same fields and values; a list is an array in JSON', () => {
  const [json] = written('json', (out) => out.list([key], KEYS));
  const [tsv] = written('tsv', (out) => out.list([key], KEYS));
  expect(JSON.parse(json)).toEqual([key]);
  const [header = '', row = '', ...more] = tsv.replace(/\n$/, '').split('\n');
  expect(more).toEqual([]);
  expect(header.split('\t')).toEqual(Object.keys(key));
  const cells = row.split('\t');
  expect(cells).toHaveLength(6);
  expect(cells[0]).toBe('abcdefgh');
  expect(cells.slice(2)).toEqual(['mount tenant', 'true', '2026-01-31T12:00:00.000Z', '']);
});

test('people get short times and ids, and nothing that moves the cursor', () => {
  const [table] = written('table', (out) => out.list([key], KEYS));
  expect(table).toContain('2026-01-31 12:00');
  expect(table).toMatch(/^abcd {2}/m);
  expect(table).not.toMatch(/[\t\u001b]/);
  const [tsv] = written('tsv', (out) => out.list([key], KEYS));
  expect(tsv).not.toContain('\u001b');
});

test('nothing: an empty array, a header alone, and a sentence beside stdout', () => {
  expect(written('json', (out) => out.list([], KEYS))).toEqual(['[]\n', '']);
  const [tsv] = written('tsv', (out) => out.list([], KEYS));
  expect(tsv).toBe(`${Object.keys(key).join('\t')}\n`);
  expect(written('table', (out) => out.list([], KEYS))).toEqual(['', 'There is no key.\n']);
});

test('one thing is a flat object, a row under a header, or what people are told', () => {
  const show = (out: Output): void =>
    out.show(key, KEYS, ({ label }) => `About ${label.slice(0, 1)}`);
  expect(JSON.parse(written('json', show)[0])).toEqual(key);
  expect(written('tsv', show)).toEqual(written('tsv', (out) => out.list([key], KEYS)));
  expect(written('table', show)).toEqual(['About a\n', '']);
});
