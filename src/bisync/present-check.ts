import { count, wrap } from '../output/format.ts';
import type { Output } from '../output/output.ts';
import type { CheckResult } from './check.ts';

const LISTED = 20;

/** Whether both sides are equal, and what is not. */
export function presentCheck(result: CheckResult, out: Output): string {
  const { equal, different, onlyLocal, onlyRemote, skipped } = result;
  const groups = [
    group('Different', different),
    group('Only here', onlyLocal),
    group('Only in the bucket', onlyRemote),
    group('Not compared', skipped),
  ].flat();
  const where = `${result.root} and the bucket ${result.bucket}`;
  const total = different.length + onlyLocal.length + onlyRemote.length;
  const head =
    total === 0
      ? `Equal: ${count(equal, 'file')} in ${where}.`
      : `${count(total, 'difference')} between ${where}; ${count(equal, 'file')} equal.`;
  return [wrap(head, out.tableWidth, '  '), ...groups].join('\n');
}

function group(title: string, paths: readonly string[]): string[] {
  if (paths.length === 0) return [];
  const more = paths.length - LISTED;
  return [
    `${title}: ${count(paths.length, 'file')}`,
    ...paths.slice(0, LISTED).map((path) => `  ${path}`),
    ...(more > 0 ? [`  … and ${more} more`] : []),
  ];
}
