import fc from 'fast-check';
import { conflictPath, machineName } from '../../../../src/bisync/names.ts';
import {
  CONFLICT_STRATEGIES,
  PROFILE_NAMES,
  type ConflictStrategy,
  type ProfileName,
} from '../../../../src/bisync/profiles.ts';
import type { FileOperation } from '../../../support/file-barrier.ts';
import type { Fate, S3Method } from '../../../support/fault-proxy.ts';
import { SIZES } from './values.ts';

/** Two plain files, a folder, and the very names that conflict copies of them would get today. */
export const PATHS: readonly string[] = [
  ...['a.md', 'b.md', 'dir/c.md', 'dir/d.md'],
  conflictPath('a.md', machineName(), Date.now(), 1),
  conflictPath('a.md', 'cloud', Date.now(), 1),
];

/** A device by its number, modulo how many there are; `CLOUD` writes to the bucket itself. */
export const CLOUD = 3;
/** In a race: the device that syncs. */
export const SELF = 4;

export type Edit =
  /** `save`: a new file is renamed over; `in-place`: the same inode; `keep-time`: with its old mtime. */
  | { type: 'write'; node: number; path: string; how: WriteKind; size: number }
  | { type: 'remove'; node: number; path: string }
  | { type: 'read'; node: number; path: string }
  | { type: 'move'; node: number; path: string; to: string }
  | { type: 'move-folder'; node: number; from: string; to: string }
  /** A program opens a file, and in `late` writes to all that it has open. */
  | { type: 'hold'; node: number; path: string }
  | { type: 'late'; node: number }
  /** A folder is replaced by a symlink to a place outside. */
  | { type: 'symlink'; node: number }
  | { type: 'hostile'; key: string }
  /** Only in a sync: another folder takes the place of the root until the sync ends. */
  | { type: 'swap-root'; node: number }
  /** Only in a sync: another device syncs meanwhile. */
  | { type: 'other-sync'; node: number };
export type WriteKind = 'save' | 'in-place' | 'keep-time' | 'multipart';

/** When, in a sync, something else happens. `nth` counts what matches. */
export type Moment =
  | { type: 'plan' }
  | { type: 'request'; method: S3Method; nth: number; when: 'before' | 'after' }
  | { type: 'file'; operation: FileOperation; nth: number; when: 'before' | 'after' | 'middle' };

export interface Race {
  at: Moment;
  edits: Edit[];
}

export interface Fault {
  method: S3Method;
  nth: number;
  fate: Fate;
}

/** How the process of a sync ends before its time. */
export type Kill =
  | { type: 'step'; nth: number }
  | { type: 'file'; operation: FileOperation; nth: number; when: 'before' | 'after' }
  | { type: 'request'; method: S3Method; nth: number; when: 'before' | 'after' };

export interface SyncStep {
  type: 'sync';
  node: number;
  profile: ProfileName;
  conflicts: ConflictStrategy;
  races: Race[];
  faults: Fault[];
  kill: Kill | null;
  rcloneDies: boolean;
  /** With rclone, and every file read; otherwise both sides are mostly listed without it. */
  full?: boolean;
}

export type Step =
  | Edit
  | SyncStep
  /** The files of a device vanish, as with a failing disk, and it syncs; then they are back. */
  | { type: 'wipe'; node: number; leave: 0 | 1 }
  /** State of a pair is lost or damaged. */
  | { type: 'damage'; node: number; what: 'baseline' | 'truncated' | 'memory' | 'everything' };

const node = fc.nat({ max: 2 });
const anyNode = fc.nat({ max: CLOUD });
const anyPath = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('a.md', 'dir/c.md') },
  { weight: 3, arbitrary: fc.constantFrom(...PATHS) },
);
const size = fc.constantFrom(...SIZES.slice(0, 4), SIZES[0], SIZES[0], SIZES[0], SIZES[4]);
const how = fc.constantFrom<WriteKind>('save', 'in-place', 'save', 'keep-time', 'multipart');
const method = fc.constantFrom<S3Method>('PUT', 'GET', 'PUT', 'HEAD', 'DELETE', 'LIST');
const nth = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.nat({ max: 3 }) },
);
const side = fc.constantFrom<'before' | 'after'>('before', 'after');

type Nodes = fc.Arbitrary<number>;
type Paths = fc.Arbitrary<string>;

const writes = (nodes: Nodes, path: Paths): fc.Arbitrary<Edit> =>
  fc.record({ type: fc.constant('write' as const), node: nodes, path, how, size });
const removes = (nodes: Nodes, path: Paths): fc.Arbitrary<Edit> =>
  fc.record({ type: fc.constant('remove' as const), node: nodes, path });
const holds = (nodes: Nodes, path: Paths): fc.Arbitrary<Edit> =>
  fc.record({ type: fc.constant('hold' as const), node: nodes, path });
const lates = (nodes: Nodes): fc.Arbitrary<Edit> =>
  fc.record({ type: fc.constant('late' as const), node: nodes });
const symlinks = (nodes: Nodes): fc.Arbitrary<Edit> =>
  fc.record({ type: fc.constant('symlink' as const), node: nodes });
const moves: fc.Arbitrary<Edit> = fc.record({
  ...{ type: fc.constant('move' as const), node, path: anyPath, to: anyPath },
});
const folderMoves: fc.Arbitrary<Edit> = fc.tuple(node, fc.boolean()).map(([on, back]): Edit => {
  const [from, to] = back ? ['moved', 'dir'] : ['dir', 'moved'];
  return { type: 'move-folder', node: on, from, to };
});
const hostile: fc.Arbitrary<Edit> = fc.record({
  type: fc.constant('hostile' as const),
  key: fc.constantFrom('../evil.md', 'dir/../../evil.md', '/evil.md', 'dir//evil.md'),
});

const edits = (nodes: Nodes, path: Paths): fc.Arbitrary<Edit> =>
  fc.oneof(
    { weight: 12, arbitrary: writes(nodes, path) },
    { weight: 4, arbitrary: removes(nodes, path) },
    { weight: 2, arbitrary: moves },
    { weight: 1, arbitrary: folderMoves },
    { weight: 2, arbitrary: holds(nodes, path) },
    { weight: 2, arbitrary: lates(nodes) },
    { weight: 1, arbitrary: fc.oneof(symlinks(nodes), hostile) },
  );
/** Of any node and path, for watched devices. */
export const anyPathEdits: fc.Arbitrary<Edit> = edits(anyNode, anyPath);
const racingNode = fc.constantFrom(SELF, SELF, CLOUD, CLOUD, 0, 1, 2);
const racingEdits = (path: Paths): fc.Arbitrary<Edit> =>
  fc.oneof(
    { weight: 14, arbitrary: edits(racingNode, path) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('other-sync' as const), node }) },
    {
      weight: 1,
      arbitrary: fc.constant<Edit>({ type: 'swap-root', node: SELF }),
    },
  );
const requestMoment: fc.Arbitrary<Moment> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant('plan' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('request' as const), method, nth, when: side }),
  },
);
const fileMoment: fc.Arbitrary<Moment> = fc
  .tuple(
    fc.constantFrom<FileOperation>('rename', 'link', 'append', 'read', 'read', 'rm'),
    nth,
    side,
  )
  .map(([operation, count, when]): Moment => {
    const at = operation === 'read' ? 'middle' : when;
    return { type: 'file', operation, nth: count, when: at };
  });
const moment: fc.Arbitrary<Moment> = fc.oneof(
  { weight: 7, arbitrary: requestMoment },
  { weight: 4, arbitrary: fileMoment },
);
const race = (at: fc.Arbitrary<Moment>, each: fc.Arbitrary<Edit>): fc.Arbitrary<Race> =>
  fc.record({ at, edits: fc.array(each, { minLength: 1, maxLength: 2 }) });
const fate: fc.Arbitrary<Fate> = fc.oneof(
  fc.record({
    type: fc.constant('error' as const),
    status: fc.constantFrom<500 | 503>(500, 503),
    when: side,
  }),
  fc.record({
    type: fc.constant('cut' as const),
    at: fc.constantFrom<'before' | 'request' | 'reply' | 'body'>(
      ...(['before', 'request', 'reply', 'body'] as const),
    ),
  }),
  fc.record({ type: fc.constant('delay' as const), ms: fc.nat({ max: 20 }) }),
);
/** A program that writes to the very file that is being read or replaced. */
const closeRace = (path: Paths): fc.Arbitrary<Race> =>
  race(
    fileMoment,
    fc.oneof(
      { weight: 6, arbitrary: writes(fc.constant(SELF), path) },
      { weight: 1, arbitrary: removes(fc.constant(SELF), path) },
    ),
  );
/** Somebody else is faster: between the listing and the request, or while its reply is under way. */
const farRace = (path: Paths): fc.Arbitrary<Race> =>
  race(
    requestMoment,
    fc.oneof(
      { weight: 4, arbitrary: writes(fc.constant(CLOUD), path) },
      { weight: 2, arbitrary: removes(fc.constant(CLOUD), path) },
      { weight: 2, arbitrary: writes(fc.constant(SELF), path) },
    ),
  );
const skirmishRace = (path: Paths): fc.Arbitrary<Race> =>
  fc.oneof(
    { weight: 3, arbitrary: closeRace(path) },
    { weight: 3, arbitrary: farRace(path) },
    { weight: 3, arbitrary: race(moment, racingEdits(path)) },
  );
export const failures: fc.Arbitrary<Fault> = fc.record({ method, nth, fate });
const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 3, arbitrary: failures },
  {
    weight: 1,
    arbitrary: fc
      .nat({ max: 2 })
      .map((back): Fault => ({ method: 'LIST', nth: 0, fate: { type: 'stale', back: back + 1 } })),
  },
);
const kill: fc.Arbitrary<Kill> = fc.oneof(
  fc.record({ type: fc.constant('step' as const), nth: fc.nat({ max: 40 }) }),
  fc.record({
    type: fc.constant('file' as const),
    operation: fc.constantFrom<FileOperation>('rename', 'link', 'rm', 'append'),
    ...{ nth, when: side },
  }),
  fc.record({ type: fc.constant('request' as const), method, nth, when: side }),
);
const oneIn = (number: number): fc.Arbitrary<boolean> =>
  fc.nat({ max: number - 1 }).map((each) => each === number - 1);
const syncs = (
  nodes: Nodes,
  racing: fc.Arbitrary<Race>,
  { racesAtLeast = 0, killed = 1, faults = fault } = {},
): fc.Arbitrary<SyncStep> =>
  fc
    .record({
      type: fc.constant('sync' as const),
      node: nodes,
      profile: fc.constantFrom(...PROFILE_NAMES),
      conflicts: fc.constantFrom<ConflictStrategy>('newer', ...CONFLICT_STRATEGIES),
      races: fc.array(racing, { minLength: racesAtLeast, maxLength: 3 }),
      faults: fc.oneof(fc.constant<Fault[]>([]), fc.array(faults, { maxLength: 3 })),
      kill: fc.oneof(
        { weight: 5, arbitrary: fc.constant(null) },
        { weight: killed, arbitrary: kill },
      ),
      ...{ rcloneDies: oneIn(16), full: oneIn(3) },
    })
    .map((each) => ({ ...each, full: each.full || each.rcloneDies }));
const calmSync = (on: number): SyncStep => ({
  ...{ type: 'sync', node: on, profile: 'fast', conflicts: 'newer' },
  ...{ races: [], faults: [], kill: null, rcloneDies: false },
});

/** Both sides know a path, then both may change it, and more happens to it while they sync. */
const skirmish: fc.Arbitrary<Step[]> = fc
  .record({
    ...{ on: node, at: anyPath, opened: fc.nat({ max: 3 }), killed: fc.constantFrom(1, 5) },
    known: fc.constantFrom(true, true, false),
  })
  .chain(({ on, at, opened, killed, known }) => {
    const [here, path] = [fc.constant(on), fc.constant(at)];
    const maybe = (arbitrary: fc.Arbitrary<Edit>): fc.Arbitrary<Edit[]> =>
      fc.array(arbitrary, { maxLength: 1 });
    const change = (nodes: Nodes): fc.Arbitrary<Edit> =>
      fc.oneof(
        { weight: 4, arbitrary: writes(nodes, path) },
        { weight: 1, arbitrary: removes(nodes, path) },
      );
    return fc
      .tuple(
        writes(here, path),
        opened === 0 ? maybe(holds(here, path)) : fc.constant([]),
        maybe(change(fc.constant(CLOUD))),
        maybe(change(here)),
        syncs(here, skirmishRace(path), { racesAtLeast: 1, killed }),
        opened === 0 ? maybe(lates(here)) : maybe(change(here)),
      )
      .map(([first, held, there, mine, sync, after]): Step[] => [
        ...[first, ...(known ? [calmSync(on)] : []), ...held, ...there, ...mine, sync, ...after],
      ]);
  });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 20, arbitrary: edits(anyNode, anyPath) },
  { weight: 14, arbitrary: syncs(node, race(moment, racingEdits(anyPath))) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('wipe' as const),
      node,
      leave: fc.constantFrom<0 | 1>(0, 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('damage' as const),
      node,
      what: fc.constantFrom<'baseline' | 'truncated' | 'memory' | 'everything'>(
        ...(['baseline', 'truncated', 'memory', 'everything'] as const),
      ),
    }),
  },
);
const phase: fc.Arbitrary<Step[]> = fc.oneof(
  { weight: 3, arbitrary: step.map((each) => [each]) },
  { weight: 2, arbitrary: skirmish },
);

export interface Scenario {
  devices: 2 | 3;
  steps: Step[];
}

export const scenario: fc.Arbitrary<Scenario> = fc.record({
  devices: fc.constantFrom<2 | 3>(2, 2, 3),
  steps: fc.array(phase, { minLength: 2, maxLength: 7 }).map((phases) => phases.flat()),
});

/** One file, and what the Dropbox model knows: reads, writes, deletes, and syncs with trouble. */
export const DROPBOX_PATH = 'a.md';
const one = fc.constant(DROPBOX_PATH);
const dropboxEdits = (nodes: Nodes): fc.Arbitrary<Edit> =>
  fc.oneof(
    { weight: 4, arbitrary: writes(nodes, one) },
    { weight: 1, arbitrary: removes(nodes, one) },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant('read' as const), node, path: one }),
    },
  );
// Not at single file operations: there the name is missing for an instant (docs/sync.md, Limits).
const dropboxRace = race(
  requestMoment,
  fc.oneof(
    { weight: 6, arbitrary: dropboxEdits(racingNode) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('other-sync' as const), node }) },
  ),
);

export const dropboxScenario: fc.Arbitrary<Scenario> = fc.record({
  devices: fc.constantFrom<2 | 3>(2, 3),
  steps: fc.array(
    fc.oneof<fc.Arbitrary<Step>[]>(
      dropboxEdits(anyNode),
      syncs(node, dropboxRace, { faults: failures }),
    ),
    { minLength: 4, maxLength: 14 },
  ),
});
