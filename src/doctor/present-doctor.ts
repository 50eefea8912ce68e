import { count, wrap } from '../output/format.ts';
import type { Output, Style } from '../output/output.ts';
import { fieldsNamed, type View } from '../output/view.ts';
import { GROUPS } from './check.ts';
import { CHECKS, type DoctorEvent, type DoctorResult, type Fixed } from './examine.ts';
import type { Finding, Level } from './finding.ts';

const MARKS: Record<Level, { text: string; style: Style }> = {
  ok: { text: '✓ ok     ', style: 'green' },
  warning: { text: '! warning', style: 'yellow' },
  failure: { text: '✗ failure', style: 'red' },
  skipped: { text: '- skipped', style: 'dim' },
};
const INDENT = ' '.repeat(12);

/** The report: for programs a document, as TSV a row for each finding, else for people. */
export function showDoctor(result: DoctorResult, out: Output): void {
  if (out.options.format === 'tsv') {
    out.list(result.findings, FINDINGS);
    return;
  }
  out.result(result, presentDoctor, documentOf);
}

function documentOf({ findings, worst, fixed, exitCode }: DoctorResult): unknown {
  return {
    findings: findings.map(({ check, level, summary, cause, cure, exitCode: code, fix }) => ({
      ...{ check, level, summary, cause: cause ?? null, cure: cure ?? null },
      ...{ exitCode: code, fixable: fix !== undefined },
    })),
    ...{ worst, exitCode, fixed },
  };
}

const FINDINGS: View<Finding> = {
  fields: {
    ...fieldsNamed('check', 'level', 'summary'),
    cause: ({ cause }) => cause ?? null,
    cure: ({ cure }) => cure?.sentence ?? null,
    command: ({ cure }) => cure?.command ?? null,
  },
  columns: [],
  empty: '',
};

export function presentDoctor(result: DoctorResult, out: Output): string {
  const { findings } = result;
  // In a pipe each finding stays on its line, for grep.
  const width = out.tableWidth;
  const sections = GROUPS.flatMap((group) => {
    const ids = CHECKS.filter((check) => check.group === group).map(({ id }) => id);
    const own = findings.filter(({ check }) => ids.includes(check));
    if (own.length === 0) return [];
    return [[out.style('bold', group), ...linesOf(own, out, width)].join('\n')];
  });
  const fixed = result.fixed.map((each) => wrap(fixedText(each), width, '  ')).join('\n');
  const sum = wrap(lastLine(result), width);
  return [...sections, ...(fixed === '' ? [] : [fixed]), sum].join('\n\n');
}

function linesOf(findings: readonly Finding[], out: Output, width: number): string[] {
  const lines: string[] = [];
  for (const finding of findings) {
    if (finding.level === 'skipped') continue;
    lines.push(line(finding.level, finding.summary, out, width));
    const { cause, cure } = finding;
    if (cause !== undefined) lines.push(detail(withStop(cause), width));
    if (cure !== undefined) {
      lines.push(detail(withStop(cure.sentence), width));
      // Never broken, so that it can be copied.
      if (cure.command !== undefined) {
        lines.push(`${INDENT}  ${out.style('cyan', cure.command)}`);
      }
    }
  }
  // What one cause hides is one line.
  const hidden = Map.groupBy(
    findings.filter(({ level }) => level === 'skipped'),
    ({ cause }) => cause ?? '',
  );
  for (const [cause, all] of hidden) {
    const titles = all.map(({ check }) => CHECKS.find(({ id }) => id === check)?.title ?? check);
    lines.push(line('skipped', `${titles.join(', ')}, because: ${lowered(cause)}`, out, width));
  }
  return lines;
}

function line(level: Level, text: string, out: Output, width: number): string {
  const { text: mark, style } = MARKS[level];
  const wrapped = wrap(`${' '.repeat(mark.length + 3)}${text}`, width, INDENT);
  return `  ${out.style(style, mark)} ${wrapped.slice(mark.length + 3)}`;
}

function detail(text: string, width: number): string {
  return wrap(`${INDENT}${text}`, width, INDENT);
}

function fixedText({ summary, did, error }: Fixed): string {
  return did === null ? `Not fixed: ${summary}: ${error ?? ''}` : `Fixed: ${did}.`;
}

function lastLine({ findings, fixed }: DoctorResult): string {
  const number = (level: Level): number => findings.filter((each) => each.level === level).length;
  const [failures, warnings, oks, hidden] = [
    number('failure'),
    number('warning'),
    number('ok'),
    number('skipped'),
  ];
  const sum = [
    count(failures, 'failure'),
    count(warnings, 'warning'),
    `${oks} ok`,
    ...(hidden === 0 ? [] : [`${hidden} skipped`]),
  ].join(', ');
  const curable = findings.filter(({ fix }) => fix !== undefined).length;
  const more =
    curable === 0 || fixed.length > 0
      ? ''
      : ` \`cloud doctor --fix\` cures ${curable === 1 ? 'one of them' : `${curable} of them`}.`;
  return failures + warnings === 0 ? `All is well: ${sum}.` : `${sum}.${more}`;
}

/** For `--verbose`: how long each check took. */
export function describeEvent(event: DoctorEvent): string {
  return event.type === 'looked'
    ? `${event.check}: ${Math.round(event.ms)} ms`
    : fixedText(event.fixed);
}

function withStop(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

function lowered(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.slice(0, 1).toLowerCase() + text.slice(1) : text;
}
