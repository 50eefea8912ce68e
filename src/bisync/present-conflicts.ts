import { count, formatBytes } from '../output/format.ts';
import type { Output } from '../output/output.ts';
import { formatFields, formatTable } from '../output/table.ts';
import type { ConflictDiff } from './conflict-diff.ts';
import type { ConflictSide, FileConflict } from './conflict-list.ts';
import type { ConflictList } from './conflicts-context.ts';
import type { Resolved, ResolveResult } from './resolve-conflicts.ts';

export function presentConflicts({ root, conflicts }: ConflictList, out: Output): string {
  if (conflicts.length === 0) return `No conflicts in ${root}.`;
  const rows = conflicts.map(({ path, open, machine, sides, newer }) => ({
    path,
    state: open ? 'open' : 'both kept',
    machine: machine ?? '',
    local: sideText(sides.local, newer === 'local'),
    cloud: sideText(sides.cloud, newer === 'cloud'),
  }));
  const columns = [
    { key: 'path', title: 'FILE' },
    { key: 'state', title: 'STATE' },
    { key: 'machine', title: 'MET BY', ifRoom: true },
    { key: 'local', title: 'LOCAL' },
    { key: 'cloud', title: 'CLOUD' },
  ];
  return [
    formatTable(rows, columns, out.tableWidth),
    '',
    'Look at one: cloud conflicts diff FILE',
    'Choose:      cloud conflicts resolve FILE --keep local|cloud|both|newer',
  ].join('\n');
}

export function presentConflictDetails({ conflicts }: ConflictList): string {
  return conflicts.map(details).join('\n\n');
}

function details({ path, copy, open, machine, since, sides, newer }: FileConflict): string {
  const side = (name: 'local' | 'cloud'): string => {
    const { size, modifiedAt, path: where } = sides[name];
    const place = where === path ? 'has the name' : 'is the copy';
    return `${formatBytes(size)}, ${timeText(modifiedAt)}${newer === name ? ', newer' : ''}; ${place}`;
  };
  return formatFields([
    ['File', path],
    ['Copy', copy],
    ['State', open ? 'open: it waits for your choice' : 'both kept, nothing waits'],
    ['Met by', machine],
    ['Since', timeText(since)],
    ['Local', side('local')],
    ['Cloud', side('cloud')],
  ]);
}

function sideText({ size, modifiedAt }: ConflictSide, newer: boolean): string {
  return `${timeText(modifiedAt)} ${formatBytes(size)}${newer ? ' *' : ''}`;
}

/** `2026-11-25 16:20` in the time of this machine; a bare date stays one. */
function timeText(at: string): string {
  if (at.length === 10) return at;
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

export function presentDiffs(diffs: readonly ConflictDiff[], out: Output): string {
  return diffs.map((diff) => presentDiff(diff, out)).join('\n');
}

function presentDiff({ path, copy, kind, patch, sides }: ConflictDiff, out: Output): string {
  if (patch !== null) {
    return patch
      .trimEnd()
      .split('\n')
      .map((line) => colored(line, out))
      .join('\n');
  }
  if (kind === 'same') return `${path} and ${copy} have the same content.`;
  const why = kind === 'binary' ? 'are no text' : 'are too large to compare by line';
  const lines = (['local', 'cloud'] as const).map((name) => {
    const { size, modifiedAt, path: where } = sides[name];
    return `  ${name}: ${formatBytes(size)}, ${timeText(modifiedAt)}: ${where}`;
  });
  return [`${path} and its copy ${why}.`, ...lines].join('\n');
}

function colored(line: string, out: Output): string {
  if (line.startsWith('+')) return out.style('green', line);
  if (line.startsWith('-')) return out.style('red', line);
  return line.startsWith('@@') ? out.style('cyan', line) : line;
}

export function presentResolved(result: ResolveResult): string {
  const { resolved, problems, openConflicts } = result;
  const lines = resolved.map(resolvedText);
  if (lines.length === 0 && problems.length === 0) lines.push('There is nothing to resolve.');
  lines.push(...problems.map(({ message }) => `Not resolved: ${message}`));
  if (resolved.some(({ synced }) => !synced)) {
    lines.push('The bucket could not follow yet; the next `cloud bisync` brings it there.');
  }
  if (openConflicts > 0) lines.push(`Still open: ${count(openConflicts, 'conflict')}.`);
  return lines.join('\n');
}

function resolvedText({ path, kept, other }: Resolved): string {
  if (other !== null) return `${path}: both stay, the other one as ${other}`;
  return `${path} is the ${kept} version now; the other one is in the trash`;
}
