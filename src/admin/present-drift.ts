import type { DriftFinding } from '../api/contract/drift.ts';
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

export const DRIFT: View<DriftFinding> = {
  fields: fieldsNamed('kind', 'tenant', 'name', 'fix', 'fixed', 'note'),
  columns: [
    { title: 'WHAT', show: ({ kind }) => MEANINGS[kind] },
    { key: 'tenant', title: 'TENANT' },
    { key: 'name', title: 'NAME' },
    { title: 'CURE', show: cureOf },
  ],
  empty: 'Database and storage agree.',
};

function cureOf({ fix, fixed, note }: DriftFinding): string {
  if (fixed === true) return 'done';
  return note ?? (fix === 'none' ? 'by hand' : fix);
}
