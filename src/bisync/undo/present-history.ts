import { count, formatBytes, shellWord, wrap } from '../../output/format.ts';
import type { Output } from '../../output/output.ts';
import { formatTable } from '../../output/table.ts';
import { fieldsNamed, toTable, type View } from '../../output/view.ts';
import type { Snapshot } from '../../api/contract/snapshots.ts';
import { localTime } from '../present-activity.ts';
import type { History, HistoryEntry } from './history.ts';
import type { SnapshotContents } from './snapshots.ts';
import type { TrashFile } from './trash-files.ts';
import type { EmptiedTrash, TrashList } from './trash.ts';

export const VERSIONS: View<HistoryEntry> = {
  fields: fieldsNamed('at', 'what', 'by', 'size', 'id', 'where', 'run', 'snapshots'),
  columns: [
    { title: 'TIME', show: ({ at }) => localTime(at) },
    { title: 'WHAT', key: 'what' },
    { title: 'BY', key: 'by', ifRoom: true },
    { title: 'SIZE', align: 'right', show: ({ size }) => (size === null ? '' : formatBytes(size)) },
    { title: 'VERSION', key: 'id' },
  ],
  empty: 'Nothing is known of that file.',
};

export const TRASH_FILES: View<TrashFile> = {
  fields: fieldsNamed('at', 'path', 'size', 'id', 'file'),
  columns: [
    { title: 'TIME', show: ({ at }) => localTime(at), ifRoom: true },
    { title: 'FILE', key: 'path' },
    { title: 'SIZE', align: 'right', show: ({ size }) => formatBytes(size) },
    { title: 'VERSION', key: 'id', whole: true },
  ],
  empty: 'The trash is empty.',
};

export const SNAPSHOTS: View<Snapshot> = {
  fields: fieldsNamed('created_at', 'name', 'version'),
  columns: [
    { title: 'TIME', show: ({ created_at: at }) => localTime(at) },
    { title: 'NAME', key: 'name' },
    { title: 'VERSION', key: 'version' },
  ],
  empty: 'No snapshot has been taken. Any moment can be browsed all the same.',
};

export const CONTENTS: View<SnapshotContents['files'][number]> = {
  fields: fieldsNamed('path', 'size'),
  columns: [
    { title: 'SIZE', align: 'right', show: ({ size }) => formatBytes(size) },
    { title: 'FILE', key: 'path' },
  ],
  empty: 'Nothing was there.',
};

export function presentHistory({ path, entries, withoutCloud }: History, out: Output): string {
  const lines: string[] = [];
  if (entries.length === 0) lines.push(`Nothing is known of ${path}.`);
  else {
    const { rows, columns } = toTable(VERSIONS, entries);
    lines.push(formatTable(rows, columns, out.tableWidth));
    for (const { snapshots, at } of entries) {
      if (snapshots.length === 0) continue;
      const names = `In snapshot ${snapshots.join(', ')}: ${localTime(at)}`;
      lines.push(wrap(names, out.tableWidth, '  '));
    }
    if (entries.some(({ id }) => id !== null)) {
      lines.push('', `Have one back: cloud restore ${shellWord(path)} --version VERSION`);
    }
  }
  if (withoutCloud !== null) lines.push('', `Without what the bucket keeps: ${withoutCloud}`);
  return lines.join('\n');
}

export function presentTrash({ files, total, bounds }: TrashList, out: Output): string {
  const days = Math.round(bounds.maxAgeMs / 86_400_000);
  const kept = `Kept for ${count(days, 'day')}, up to ${formatBytes(bounds.maxBytes)}.`;
  if (total.files === 0) return `The trash is empty. ${kept}`;
  const since = total.oldest === null ? '' : `, the oldest of ${localTime(total.oldest)}`;
  const sum = `${count(total.files, 'file')} in the trash, ${formatBytes(total.bytes)}${since}. ${kept}`;
  if (files.length === 0) return `Nothing like that is in the trash.\n\n${sum}`;
  const { rows, columns } = toTable(TRASH_FILES, files);
  return [
    formatTable(rows, columns, out.tableWidth),
    '',
    wrap(sum, out.tableWidth),
    'Have one back: cloud trash restore FILE [--version VERSION]',
  ].join('\n');
}

export function presentEmptied({ removed, bytes, kept }: EmptiedTrash): string {
  const lines = [
    removed === 0
      ? 'There was nothing to remove.'
      : `Removed ${count(removed, 'file')} from the trash, ${formatBytes(bytes)}.`,
  ];
  if (kept > 0) {
    lines.push(
      `Kept ${count(kept, 'file')} of a sync that was cut off; the next one puts them back.`,
    );
  }
  return lines.join('\n');
}

export function presentSnapshot({ version, name, created_at: at }: Snapshot): string {
  const called = name === null ? '' : ` ${name}`;
  return `Snapshot${called} taken at ${localTime(at)}: ${version}`;
}

export function presentContents({ at, files, more }: SnapshotContents, out: Output): string {
  if (files.length === 0) return `Nothing was there at ${localTime(at)}.`;
  const { rows, columns } = toTable(CONTENTS, files);
  const lines = [formatTable(rows, columns, out.tableWidth), '', `As of ${localTime(at)}.`];
  if (more) lines.push('There were more: --limit NUMBER, or name a folder.');
  return lines.join('\n');
}
