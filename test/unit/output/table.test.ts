import { expect, test } from 'vitest';
import { formatBytes, formatDuration, wrap } from '../../../src/output/format.ts';
import { formatFields, formatTable, formatTsv, textWidth } from '../../../src/output/table.ts';

const columns = [
  { key: 'path', title: 'PATH' },
  { key: 'size', title: 'SIZE', align: 'right' as const },
];

test('columns are aligned, numbers to the right', () => {
  expect(
    formatTable(
      [
        { path: 'a.md', size: 5 },
        { path: 'notes/b.md', size: 1200 },
      ],
      columns,
    ),
  ).toBe(['PATH        SIZE', 'a.md           5', 'notes/b.md  1200'].join('\n'));
});

test('no row is wider than the terminal; the widest column is cut with an ellipsis', () => {
  const rows = [{ path: 'x'.repeat(200), size: 5 }];
  for (const width of [40, 60, 80]) {
    const lines = formatTable(rows, columns, width).split('\n');
    for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(width);
    expect(lines[1]).toContain('…');
  }
});

test('times and numbers are whole as long as a text can be cut instead', () => {
  const row = {
    at: '2026-11-25 22:36:47',
    what: 'x'.repeat(40),
    who: 'y'.repeat(30),
    size: 12345678,
  };
  const all = ['at', 'what', 'who', 'size'].map((key) => ({ key, title: key }));
  const [, line] = formatTable([row], all, 72).split('\n');
  expect(line).toMatch(/^2026-11-25 22:36:47  x{15,}…  y{15,}…?  12345678$/);
  expect(textWidth(line ?? '')).toBeLessThanOrEqual(72);
});

test('what is only for wide terminals goes, the last first, before anything is cut', () => {
  const row = { id: 'x'.repeat(20), first: 'y'.repeat(10), second: 'z'.repeat(10) };
  const all = [
    { key: 'id', title: 'ID' },
    { key: 'first', title: 'FIRST', ifRoom: true },
    { key: 'second', title: 'SECOND', ifRoom: true },
  ];
  const titles = (width: number) => formatTable([row], all, width).split('\n')[0]?.split(/ +/);
  expect(titles(44)).toEqual(['ID', 'FIRST', 'SECOND']);
  expect(titles(43)).toEqual(['ID', 'FIRST']);
  expect(titles(31)).toEqual(['ID']);
  expect(formatTable([row], all, 20)).toContain(row.id);
});

test('what is to be copied is whole as long as something else can be cut', () => {
  const row = { label: 'x'.repeat(20), id: '20261126T014650548Z-ab12cd' };
  const all = [
    { key: 'label', title: 'LABEL' },
    { key: 'id', title: 'ID', whole: true },
  ];
  expect(formatTable([row], all, 40)).toContain(`…  ${row.id}`);
  expect(textWidth(formatTable([row], all, 20).split('\n')[1] ?? '')).toBe(20);
});

test('a long value goes on below itself', () => {
  const fields = [
    ['Secrets', 'in a file that only you can read'],
    ['At', 'http://127.0.0.1:8787/a/long/address'],
  ] as const;
  expect(formatFields(fields, 30).split('\n')).toEqual([
    'Secrets  in a file that only',
    '         you can read',
    'At       http://127.0.0.1:8787/a/long/address',
  ]);
});

test('wide characters count as two, combining ones as none', () => {
  expect(textWidth('日本')).toBe(4);
  expect(textWidth('e\u0301')).toBe(1);
});

test('TSV keeps one row a line whatever a cell holds', () => {
  const text = formatTsv([{ path: 'odd\tname\nhere', size: 1 }], columns);
  expect(text.split('\n')).toHaveLength(2);
  expect(text.split('\n')[1]?.split('\t')).toHaveLength(2);
});

test('fields without a value are left out', () => {
  expect(
    formatFields([
      ['A', 'x'],
      ['Long', null],
      ['B', 0],
    ]),
  ).toBe('A  x\nB  0');
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [10 * 1024 * 1024, '10 MiB'],
  [5 * 1024 ** 4, '5 TiB'],
])('%i bytes read %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

test.each([
  [85, '85 ms'],
  [1234, '1.2 s'],
  [180_000, '3 min'],
  [7_200_000, '2 h'],
])('%i ms read %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

test('text is broken at spaces, and a word that is too long stays whole', () => {
  expect(wrap('one two three four', 9)).toBe('one two\nthree\nfour');
  expect(wrap('  see: cloud setup --x', 14, '    ')).toBe('  see: cloud\n    setup --x');
  expect(wrap('abcdefghijkl mn', 5)).toBe('abcdefghijkl\nmn');
});
