import type { Output } from '../output/output.ts';
import { formatTable } from '../output/table.ts';
import type { PathVerdict, ShownFilters, ShownRule, TestedPaths } from './filter-report.ts';

/** The rules in force, for people. */
export function presentFilters(filters: ShownFilters, out: Output): string {
  const rows = filters.rules.map((rule) => ({
    rule: rule.text,
    from: whereOf(rule),
    note: rule.malformed ? 'malformed, matches nothing' : rule.negated ? 'takes back' : '',
  }));
  const columns = [
    { key: 'rule', title: 'RULE' },
    { key: 'from', title: 'FROM' },
    { key: 'note', title: 'NOTE' },
  ];
  return [
    `What is not synced in ${filters.root}; the last rule that matches decides:`,
    '',
    formatTable(rows, columns, out.width),
    '',
    'Files called .cloud-* are our own and never synced.',
    filters.gitignore
      ? '.gitignore files count too.'
      : '.gitignore files do not count; with --gitignore they do.',
  ].join('\n');
}

export function presentVerdicts(result: TestedPaths, out: Output): string {
  return result.paths.map((verdict) => presentVerdict(verdict, out)).join('\n');
}

function presentVerdict(verdict: PathVerdict, out: Output): string {
  const { path, ignored } = verdict;
  const word = ignored ? out.style('yellow', 'ignored') : out.style('green', 'synced');
  return `${path}: ${word}, ${why(verdict)}`;
}

function why({ path, reason, rule, matched, ignored }: PathVerdict): string {
  if (reason === 'own') return 'a file of our own';
  if (reason === 'kind') return 'not a regular file';
  if (rule === null) return 'no rule matches';
  const what = matched === path ? '' : ` on the folder ${matched}`;
  return `${ignored ? 'by' : 'taken back by'} ${JSON.stringify(rule.text)}${what} (${whereOf(rule)})`;
}

function whereOf({ file, line }: ShownRule): string {
  return file === null ? 'the default list' : `${file}:${line}`;
}
