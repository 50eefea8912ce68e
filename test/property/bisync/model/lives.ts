import { CLOUD, PATHS, SELF, type Edit, type Scenario, type Step, type SyncStep } from './steps.ts';

/** A life that is played each time, because chance seldom comes by it. */
export interface Life {
  name: string;
  scenario: Scenario;
}

const [A = '', B = '', C = '', D = '', COPY = ''] = PATHS;

const write = (
  node: number,
  path = A,
  how: Extract<Edit, { type: 'write' }>['how'] = 'save',
): Edit => ({
  ...{ type: 'write', node, path, how, size: 24 },
});
const remove = (node: number, path = A): Edit => ({ type: 'remove', node, path });
const sync = (more: Partial<SyncStep> = {}): SyncStep => ({
  ...{ type: 'sync', node: 0, profile: 'fast', conflicts: 'newer' },
  ...{ races: [], faults: [], kill: null, rcloneDies: false, ...more },
});
const racing = (at: SyncStep['races'][number]['at'], ...edits: Edit[]): SyncStep =>
  sync({ races: [{ at, edits }] });
const atPlan = (...edits: Edit[]): SyncStep => racing({ type: 'plan' }, ...edits);
const life = (name: string, ...steps: Step[]): Life => ({ name, scenario: { devices: 2, steps } });

/** Both sides have `A`. */
const known = [write(0), sync()];

export const LIVES: readonly Life[] = [
  life(
    'a save that keeps size and time, just before the file is replaced',
    ...[...known, write(CLOUD)],
    racing(
      { type: 'file', operation: 'rename', nth: 0, when: 'before' },
      write(SELF, A, 'keep-time'),
    ),
  ),
  life(
    'a kill while the loser of a conflict is between its two names',
    ...[...known, write(CLOUD), write(0)],
    sync({
      conflicts: 'cloud',
      kill: { type: 'file', operation: 'link', nth: 0, when: 'before' },
    }),
  ),
  life(
    'the same kill, and a new file in its place before the next sync',
    ...[...known, write(CLOUD), write(0)],
    sync({
      conflicts: 'cloud',
      kill: { type: 'file', operation: 'link', nth: 0, when: 'before' },
    }),
    write(0),
  ),
  life(
    'a kill after a write is settled, and an edit after it',
    ...[...known, write(0)],
    sync({ kill: { type: 'file', operation: 'append', nth: 1, when: 'after' } }),
    write(0),
  ),
  life(
    'a kill after a write has arrived, and an edit of the same file',
    ...[...known, write(0)],
    sync({ kill: { type: 'request', method: 'PUT', nth: 0, when: 'after' } }),
    write(0),
  ),
  life(
    'a kill before a write arrives, and another device that writes',
    ...[...known, write(0)],
    sync({
      kill: { type: 'request', method: 'PUT', nth: 0, when: 'before' },
      faults: [{ method: 'PUT', nth: 0, fate: { type: 'cut', at: 'before' } }],
    }),
    write(CLOUD),
  ),
  life(
    'a kill after a version has its name, and an edit of it',
    ...[write(CLOUD)],
    sync({ kill: { type: 'file', operation: 'link', nth: 0, when: 'after' } }),
    write(0),
  ),
  life(
    'a kill after the copy of a conflict is sent, and another edit',
    ...[...known, write(0), write(CLOUD)],
    sync({ conflicts: 'local', kill: { type: 'request', method: 'PUT', nth: 0, when: 'after' } }),
    ...[write(0), sync({ conflicts: 'local' })],
  ),
  life(
    'a program that goes on writing into a file that was replaced',
    ...[...known, { type: 'hold', node: 0, path: A } as const, write(CLOUD), sync()],
    { type: 'late', node: 0 },
  ),
  life(
    'a listing from before a file was uploaded',
    ...[write(0, B), sync(), ...known],
    sync({ faults: [{ method: 'LIST', nth: 0, fate: { type: 'stale', back: 1 } }] }),
  ),
  life('an edit before its file is deleted', ...known, remove(CLOUD), atPlan(write(SELF))),
  life(
    'a write before its object is deleted',
    ...[...known, remove(0)],
    racing({ type: 'request', method: 'DELETE', nth: 0, when: 'before' }, write(CLOUD)),
  ),
  life(
    'a disk that fails',
    ...[write(0), write(0, B), write(0, C), sync()],
    { type: 'wipe', node: 0, leave: 0 },
    { type: 'wipe', node: 0, leave: 1 },
  ),
  life(
    'keys that lead outside',
    ...known,
    ...['../evil.md', 'dir/../../evil.md', '/evil.md', 'dir//evil.md'].map((key): Edit => ({
      type: 'hostile',
      key,
    })),
    sync(),
  ),
  life(
    'a folder that becomes a symlink',
    ...[write(0, C), sync(), write(CLOUD, D), write(CLOUD, C)],
    atPlan({ type: 'symlink', node: SELF }),
  ),
  life(
    'a conflict whose copy has its name taken',
    ...[write(0), write(0, COPY), sync(), write(CLOUD), write(0)],
    sync({ conflicts: 'cloud' }),
  ),
  life(
    "a conflict that the cloud's version wins",
    ...known,
    write(CLOUD),
    write(0),
    sync({ conflicts: 'cloud' }),
  ),
  life(
    'a conflict that the local version wins',
    ...known,
    write(CLOUD),
    write(0),
    sync({ conflicts: 'local' }),
  ),
  life('two of one size, one without an MD5', write(CLOUD, A, 'multipart'), write(0), sync()),
  life(
    'an edit of the same size without an MD5',
    ...[write(CLOUD, A, 'multipart'), sync(), write(CLOUD, A, 'multipart'), sync()],
  ),
  life(
    'an object without an MD5 over one with it, of the same size',
    // With another change: only then does rclone go on with the agreed listing.
    ...[...known, write(CLOUD, A, 'multipart'), write(0, B), sync({ full: true })],
    ...[write(0), sync(), write(CLOUD, A, 'multipart'), write(0, B), sync()],
  ),
  life(
    'an edit that keeps size and time, between two quick syncs',
    ...[...known, sync({ full: true }), sync(), write(0, A, 'keep-time'), sync(), sync()],
  ),
  life(
    'an edit that keeps its size, after a full sync has read the file',
    ...[...known, write(0, B)],
    // rclone lists once more after it has found a change, and has read all files by then; not always,
    // for it may be ended before: then this life sees nothing.
    sync({
      full: true,
      races: [
        {
          at: { type: 'request', method: 'LIST', nth: 2, when: 'after' },
          edits: [write(SELF, A, 'in-place')],
        },
      ],
    }),
    ...[sync(), sync()],
  ),
  life(
    'another folder in the place of the root',
    ...[...known, write(CLOUD), write(CLOUD, B)],
    atPlan({ type: 'swap-root', node: SELF }),
  ),
];
