import { lexer, type Token, type Tokens } from 'marked';
import { wrap } from './format.ts';
import type { Output } from './output.ts';
import { textWidth } from './table.ts';

/** A page of the documentation for a terminal: headings, paragraphs, lists, code, tables. */
export function renderMarkdown(text: string, out: Output): string {
  return lexer(text)
    .flatMap((token) => block(token, out) ?? [])
    .join('\n\n');
}

function block(token: Token, out: Output): string | undefined {
  switch (token.type) {
    case 'heading':
      return out.style('bold', inline(token.tokens ?? []));
    case 'paragraph':
      return wrap(inline(token.tokens ?? []).replaceAll('\n', ' '), out.width);
    case 'code':
      return (token as Tokens.Code).text.replace(/^/gm, '  ');
    case 'list':
      return (token as Tokens.List).items.map((item) => listItem(item, out)).join('\n');
    case 'table':
      return table(token as Tokens.Table, out);
    default:
      return undefined;
  }
}

function listItem({ tokens }: Tokens.ListItem, out: Output): string {
  const text = tokens.map((each) => ('tokens' in each ? inline(each.tokens ?? []) : '')).join(' ');
  return wrap(`- ${text.replaceAll('\n', ' ')}`, out.width, '  ');
}

/** Without its marks: what a backtick or a star says, the words say too. */
function inline(tokens: readonly Token[]): string {
  return tokens
    .map((token) => {
      if (token.type === 'link') return linkText(token as Tokens.Link);
      if ('tokens' in token) return inline(token.tokens ?? []);
      return 'text' in token ? unescaped(String(token.text)) : '';
    })
    .join('');
}

/** A page beside this one cannot be clicked at here; an address can. */
function linkText({ href, tokens }: Tokens.Link): string {
  const text = inline(tokens);
  return /^https?:/.test(href) && text !== href ? `${text} (${href})` : text;
}

function unescaped(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

/** The first columns as they are, the last one broken to what is left of the line. */
function table({ header, rows }: Tokens.Table, out: Output): string {
  const cells = [header, ...rows].map((row) => row.map(({ tokens }) => inline(tokens)));
  const last = header.length - 1;
  const widest = Math.floor(out.width / 2);
  const widths = header.map((_, column) =>
    Math.min(widest, Math.max(...cells.map((row) => textWidth(row[column] ?? '')))),
  );
  const before = widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0);
  const rest = out.width - before;
  // Where the names leave no room for the words, these come below them.
  return rest < 24 ? stacked(cells, out) : aligned(cells, widths, out);
}

function aligned(cells: readonly string[][], widths: readonly number[], out: Output): string {
  const last = widths.length - 1;
  const lines = cells.flatMap((row, index) => {
    const columns = row.map((cell, column) =>
      wrap(
        cell,
        column === last ? out.width - indentOf(widths, last) : (widths[column] ?? 0),
      ).split('\n'),
    );
    const height = Math.max(...columns.map((column) => column.length));
    return Array.from({ length: height }, (_, line) => {
      const text = columns
        .map((column, at) => pad(column[line] ?? '', at === last ? 0 : (widths[at] ?? 0)))
        .join('  ')
        .trimEnd();
      return index === 0 ? out.style('dim', text) : text;
    });
  });
  return lines.join('\n');
}

function indentOf(widths: readonly number[], column: number): number {
  return widths.slice(0, column).reduce((sum, width) => sum + width + 2, 0);
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}

function stacked(cells: readonly string[][], out: Output): string {
  return cells
    .slice(1)
    .map(([first = '', ...more]) =>
      [
        wrap(first, out.width),
        ...more.filter((cell) => cell !== '').map((cell) => wrap(`  ${cell}`, out.width, '  ')),
      ].join('\n'),
    )
    .join('\n');
}
