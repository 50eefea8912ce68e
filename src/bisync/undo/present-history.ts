import { count, formatBytes, shellWord } from '../../output/format.ts';
import type { Output } from '../../output/output.ts';
import { formatTable } from '../../output/table.ts';
import type { Snapshot } from '../../api/contract/snapshots.ts';
import { localTime } from '../present-activity.ts';
import type { History, HistoryEntry } from './history.ts';
import type { SnapshotContents } from './snapshots.ts';
import type { EmptiedTrash, TrashList } from './trash.ts';

export function presentHistory({ path, entries, withoutCloud }: History, out: Output): string {
  const lines: string[] = [];
  if (entries.length === 0) lines.push(`Nothing is known of ${path}.`);
  else {
    const columns = [
      { key: 'time', title: 'TIME' },
      { key: 'what', title: 'WHAT' },
      { key: 'by', title: 'BY' },
      { key: 'size', title: 'SIZE', align: 'right' as const },
      { key: 'id', title: 'VERSION' },
    ];
    lines.push(formatTable(entries.map(rowOf), columns, out.tableWidth));
    for (const { snapshots, at } of entries) {
      if (snapshots.length > 0) lines.push(`In snapshot ${snapshots.join(', ')}: ${localTime(at)}`);
    }
    if (entries.some(({ id }) => id !== null)) {
      lines.push('', `Have one back: cloud restore ${shellWord(path)} --version VERSION`);
    }
  }
  if (withoutCloud !== null) lines.push('', `Without what the bucket keeps: ${withoutCloud}`);
  return lines.join('\n');
}

function rowOf({ at, what, by, size, id }: HistoryEntry) {
  return {
    ...{ time: localTime(at), what, by: by ?? '', id: id ?? '' },
    size: size === null ? '' : formatBytes(size),
  };
}

export function presentTrash({ files, total, bounds }: TrashList, out: Output): string {
  const days = Math.round(bounds.maxAgeMs / 86_400_000);
  const kept = `Kept for ${count(days, 'day')}, up to ${formatBytes(bounds.maxBytes)}.`;
  if (total.files === 0) return `The trash is empty. ${kept}`;
  const since = total.oldest === null ? '' : `, the oldest of ${localTime(total.oldest)}`;
  const sum = `${count(total.files, 'file')} in the trash, ${formatBytes(total.bytes)}${since}. ${kept}`;
  if (files.length === 0) return `Nothing like that is in the trash.\n\n${sum}`;
  const rows = files.map(({ at, path, size, id }) => ({
    ...{ time: localTime(at), path, size: formatBytes(size), id },
  }));
  const columns = [
    { key: 'time', title: 'TIME' },
    { key: 'path', title: 'FILE' },
    { key: 'size', title: 'SIZE', align: 'right' as const },
    { key: 'id', title: 'VERSION' },
  ];
  return [
    formatTable(rows, columns, out.tableWidth),
    '',
    sum,
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

export function presentSnapshots(snapshots: readonly Snapshot[], out: Output): string {
  if (snapshots.length === 0)
    return 'No snapshot has been taken. Any moment can be browsed all the same.';
  const rows = snapshots.map(({ version, name, created_at: at }) => ({
    ...{ time: localTime(at), name: name ?? '', version },
  }));
  const columns = [
    { key: 'time', title: 'TIME' },
    { key: 'name', title: 'NAME' },
    { key: 'version', title: 'VERSION' },
  ];
  return formatTable(rows, columns, out.tableWidth);
}

export function presentContents({ at, files, more }: SnapshotContents, out: Output): string {
  if (files.length === 0) return `Nothing was there at ${localTime(at)}.`;
  const rows = files.map(({ path, size }) => ({ path, size: formatBytes(size) }));
  const columns = [
    { key: 'size', title: 'SIZE', align: 'right' as const },
    { key: 'path', title: 'FILE' },
  ];
  const lines = [formatTable(rows, columns, out.tableWidth), '', `As of ${localTime(at)}.`];
  if (more) lines.push('There were more: --limit NUMBER, or name a folder.');
  return lines.join('\n');
}
