import { formatBytes, formatDuration } from '../output/format.ts';
import type { Output } from '../output/output.ts';
import { fitText, formatTable, type Row } from '../output/table.ts';
import type { ActivityRecord } from './activity.ts';

const COLUMNS = [
  { key: 'time', title: 'TIME' },
  { key: 'what', title: 'WHAT' },
  { key: 'path', title: 'FILE' },
  { key: 'size', title: 'SIZE', align: 'right' as const },
];

/** What syncing did, the oldest first, so that the newest is where the eye is. */
export function presentActivity(records: readonly ActivityRecord[], out: Output): string {
  if (records.length === 0) return 'Nothing like that is on record.';
  return formatTable(records.map(rowOf), COLUMNS, out.tableWidth);
}

/** A record that has just come, for `--follow`. */
export function activityLine(record: ActivityRecord, out: Output): string {
  const { time, what, path, size } = rowOf(record);
  const line = [time, what, path, size].filter((cell) => cell !== '').join('  ');
  return out.options.stdout.isTTY === true ? fitText(line, out.width) : line;
}

function rowOf(record: ActivityRecord): Row & Record<'time' | 'what' | 'path' | 'size', string> {
  return { time: localTime(record.at), path: pathOf(record), ...wordsOf(record) };
}

function pathOf(record: ActivityRecord): string {
  return record.type === 'run' ? record.command : record.path;
}

function wordsOf(record: ActivityRecord): { what: string; size: string } {
  switch (record.type) {
    case 'uploaded':
    case 'downloaded':
      return { what: record.type, size: sizeText(record.after?.size) };
    case 'deleted-local':
      return { what: 'deleted here', size: sizeText(record.before?.size) };
    case 'deleted-remote':
      return { what: 'deleted in the cloud', size: sizeText(record.before?.size) };
    case 'restored':
      return record.after === null
        ? { what: 'taken back', size: sizeText(record.before?.size) }
        : { what: 'restored', size: sizeText(record.after.size) };
    case 'conflict':
      return { what: record.open ? 'conflict' : 'kept twice', size: '' };
    case 'resolved':
      return { what: `resolved: ${record.kept}`, size: '' };
    case 'run':
      return { what: record.error ?? 'compared', size: formatDuration(record.durationMs) };
  }
}

function sizeText(bytes: number | undefined): string {
  return bytes === undefined ? '' : formatBytes(bytes);
}

/** `2026-11-25 18:04:31` in the time of this place: it sorts, and has no weekday to translate. */
export function localTime(at: string): string {
  return new Date(at).toLocaleString('sv-SE');
}
