import { expect, it } from 'vitest';
import { unexplained, type Observation } from '../../property/bisync/model/dropbox-model.ts';

const write = (node: number, value: number | null, old: number | null): Observation => ({
  ...{ type: 'write', node, value, old },
});
const sync = (node: number, ...meanwhile: Observation[]): Observation[] => [
  { type: 'sync-begins', node },
  ...meanwhile,
  { type: 'sync-ends', node },
];
const killed = (node: number): Observation[] => [
  { type: 'sync-begins', node },
  { type: 'sync-ends', node, killed: true },
];
const read = (node: number, value: number | null): Observation => ({ type: 'read', node, value });
const stable = (value: number | null, ...conflicts: number[]): Observation => ({
  ...{ type: 'stable', value, conflicts },
});
const everybody = [...sync(0), ...sync(1), ...sync(0), ...sync(1)];

/** Node 0 has 1, and the bucket 2 in its place. */
const replaced = [write(0, 1, null), ...everybody, write(1, 2, 1), ...sync(1)];
/** Node 0 has 1, the bucket 2, and neither knows the other. */
const rivals = [write(0, 1, null), write(1, 2, null), ...sync(1)];

it.each([
  ['an edit that is propagated', [write(0, 1, null), ...sync(0), ...sync(1), read(1, 1)]],
  ['a sync that did not get so far', [write(0, 1, null), ...sync(0), ...sync(1), read(1, null)]],
  ['a conflict', [write(0, 1, null), write(1, 2, null), ...everybody, stable(1, 2)]],
  ['the same the other way', [write(0, 1, null), write(1, 2, null), ...everybody, stable(2, 1)]],
  [
    'an edit that wins against a delete',
    [write(0, 1, null), ...everybody, write(0, null, 1), write(1, 2, 1), ...everybody, stable(2)],
  ],
  [
    'somebody who is faster, after the copy of what they replace',
    [
      ...[write(0, 1, null), ...sync(0), write(1, 2, null)],
      ...sync(1, { type: 'write-global', value: 3, old: 1 }),
      ...[...everybody, stable(2, 1, 3)],
    ],
  ],
  ['an edit during a sync', [...sync(0, write(0, 1, null)), ...everybody, stable(1)]],
  [
    'a file that is missing after a kill, and is back',
    [...replaced, ...killed(0), read(0, null), ...sync(0), read(0, 1), ...everybody, stable(2)],
  ],
  [
    'a file that is missing after a kill, and a new one in its place',
    [...replaced, ...killed(0), write(0, 3, null), ...everybody, stable(3, 2)],
  ],
  [
    'the same, when nobody else had what was missing',
    [...rivals, ...killed(0), write(0, 3, null), ...everybody, stable(3, 1, 2)],
  ],
  [
    'somebody who writes over an upload whose end nobody heard of',
    [
      ...[write(0, 1, null), { type: 'sync-begins', node: 0, hidden: true } as const],
      ...[{ type: 'write-global', value: 2, old: 1 } as const],
      ...[{ type: 'sync-ends', node: 0 } as const, ...everybody, stable(2, 1)],
    ],
  ],
])('explains %s', (_what, observations) => {
  expect(unexplained(2, observations)).toBeUndefined();
});

it.each([
  ['a lost edit', [write(0, 1, null), write(1, 2, null), ...everybody, stable(1)]],
  ['a conflict without cause', [write(0, 1, null), write(0, 2, 1), ...everybody, stable(2, 1)]],
  ['an edit that undoes itself', [write(0, 1, null), ...sync(0), read(0, null)]],
  [
    'a conflict with somebody who writes over an upload',
    [
      ...[write(0, 1, null), ...sync(0, { type: 'write-global', value: 2, old: 1 })],
      ...[...everybody, stable(2, 1)],
    ],
  ],
  [
    'an edit that a kill leaves in the trash',
    [...rivals, ...killed(0), write(0, 3, null), ...everybody, stable(3, 2)],
  ],
  [
    'a file that is missing after a kill, for nothing newer',
    [write(0, 1, null), ...everybody, ...killed(0), read(0, null)],
  ],
  ['a change outside a sync', [write(0, 1, null), ...sync(0), read(1, 1)]],
  [
    'a delete that comes back',
    [write(0, 1, null), ...everybody, write(0, null, 1), ...everybody, stable(1)],
  ],
])('does not explain %s', (_what, observations) => {
  expect(unexplained(2, observations)).toMatch(/^no order/);
});
