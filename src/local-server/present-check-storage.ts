import { wrap } from '../output/format.ts';
import type { Output } from '../output/output.ts';
import { formatTable } from '../output/table.ts';
import type { CheckedStorage, StorageCheck } from './check-storage.ts';

const INDENT = ' '.repeat(9);
const COLORS = { ok: 'green', failed: 'red', skipped: 'yellow' } as const;

/** A row of the table as soon as it is known; what is to be done is below it. */
export function presentStorageCheck(check: StorageCheck, out: Output): string {
  const { status, title, detail, cure, took_ms: ms } = check;
  const head = `${out.style(COLORS[status], status.padEnd(7))}  ${title}`;
  const time = status === 'ok' ? [`${detail} (${ms} ms)`] : [detail];
  const lines = [...time, ...(cure === null ? [] : [cure])];
  const below = lines.map((line) => wrap(`${INDENT}${line}`, out.width, INDENT));
  return [head, ...below].join('\n');
}

export function presentCheckedStorage({
  s3_endpoint: endpoint,
  checks,
  ok,
}: CheckedStorage): string {
  const name = endpoint ?? 'The storage in this program (a new one was tried)';
  const states = ['ok', 'failed', 'skipped'] as const;
  const counts = states.map((state) => ({
    state,
    count: checks.filter(({ status }) => status === state).length,
  }));
  const table = formatTable(counts, [
    { key: 'state', title: 'RESULT' },
    { key: 'count', title: 'CHECKS', align: 'right' },
  ]);
  return `\n${table}\n\n${name} ${ok ? 'does what the server relies on.' : 'is not fit yet.'}`;
}
