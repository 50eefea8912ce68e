import type { DriftFinding } from '../api/contract/drift.ts';
import type { Output } from '../output/output.ts';
import { fieldsNamed, type View } from '../output/view.ts';

const MEANINGS: Record<DriftFinding['kind'], string> = {
  'bucket-without-tenant': 'bucket that no tenant has',
  'tenant-without-bucket': 'tenant whose bucket is gone',
  'leaked-key': 'key that nobody was given',
  'leaked-policy': 'policy of no key',
  'credential-without-key': 'key that is gone at the storage',
  'key-should-be-inactive': 'key that should be inactive',
  'key-should-be-active': 'key that should be active',
};

const DRIFT: View<DriftFinding> = {
  fields: fieldsNamed('kind', 'tenant', 'name', 'fix', 'fixed', 'note'),
  columns: [],
  empty: 'Database and storage agree.',
};

/** For people two lines each: a name that is cut, or half a remedy, would be of no use. */
export function printDrift(findings: readonly DriftFinding[], out: Output): void {
  if (out.options.format !== 'table' || findings.length === 0) out.list(findings, DRIFT);
  else for (const finding of findings) out.line(lineOf(finding, out));
}

function lineOf(finding: DriftFinding, out: Output): string {
  const { kind, tenant, name } = finding;
  const of = tenant === null ? '' : ` (${tenant})`;
  return `${out.style('bold', MEANINGS[kind])}${of}: ${cureOf(finding)}\n  ${name}`;
}

function cureOf({ fix, fixed, note }: DriftFinding): string {
  if (fixed === true) return 'done';
  return note ?? (fix === 'none' ? 'by hand' : fix);
}
