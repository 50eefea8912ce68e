import { S3Error } from './errors.ts';

/** What a filter may ask about. */
export interface FilterSubject {
  key: string;
  size: number;
}

export type Filter = (subject: FilterSubject) => boolean;

const everything: Filter = () => true;
const filters = new Map<string, Filter>();

/**
 * `` WHERE `key` REGEXP "^notes/" ``: comparisons of `key` joined by AND and OR, AND first.
 * Operators: `=`, `!=`, `<>`, `LIKE`, `NOT LIKE`, `REGEXP`, `NOT REGEXP`.
 *
 * @throws S3Error InvalidArgument for anything else: a filter that is not understood must not
 *   silently deliver everything or nothing
 */
export function parseFilter(text: string | undefined): Filter {
  if (text === undefined || text.trim() === '') return everything;
  let filter = filters.get(text);
  if (filter === undefined) {
    filter = parse(text);
    if (filters.size >= 100) filters.clear();
    filters.set(text, filter);
  }
  return filter;
}

const COMPARISON =
  /^`?key`?\s*(=|!=|<>|(?:NOT\s+)?LIKE|(?:NOT\s+)?REGEXP)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*/i;

function parse(text: string): Filter {
  const where = /^\s*WHERE\s+/i.exec(text);
  if (where === null) throw malformed();
  let rest = text.slice(where[0].length);
  const alternatives: Filter[][] = [[]];
  for (;;) {
    const match = COMPARISON.exec(rest);
    if (match === null) throw malformed();
    rest = rest.slice(match[0].length);
    alternatives.at(-1)?.push(comparison(match[1] ?? '', unquote(match[2] ?? '')));
    if (rest === '') break;
    const join = /^(AND|OR)\s+/i.exec(rest);
    if (join === null) throw malformed();
    rest = rest.slice(join[0].length);
    if (join[1]?.toUpperCase() === 'OR') alternatives.push([]);
  }
  return (subject) => alternatives.some((all) => all.every((filter) => filter(subject)));
}

/** `\"` and `\\` are escapes; any other backslash belongs to the expression. */
function unquote(literal: string): string {
  return literal.slice(1, -1).replace(/\\(["'\\])/g, '$1');
}

function comparison(operator: string, value: string): Filter {
  const name = operator.toUpperCase().replace(/\s+/g, ' ');
  switch (name) {
    case '=':
      return ({ key }) => key === value;
    case '!=':
    case '<>':
      return ({ key }) => key !== value;
    default: {
      const expression = name.endsWith('LIKE') ? likeExpression(value) : value;
      const wanted = !name.startsWith('NOT');
      const pattern = compile(expression);
      return ({ key }) => pattern.test(key) === wanted;
    }
  }
}

function likeExpression(pattern: string): string {
  const escaped = pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return `^${escaped.replaceAll('%', '[^]*').replaceAll('_', '[^]')}$`;
}

function compile(expression: string): RegExp {
  try {
    return new RegExp(expression, 'u');
  } catch {
    throw malformed();
  }
}

function malformed(): S3Error {
  return new S3Error(
    'InvalidArgument',
    'The filter is not understood; write WHERE `key` REGEXP "…", with AND and OR.',
  );
}
