import type { ActivityRecord } from '../activity.ts';

/** Content as the record of activity tells it. Bytes. */
export interface RecordedVersion {
  size: number;
  md5: string;
  etag?: string | null | undefined;
}

/** What a run did to one path, over all its steps. */
export interface PathChange {
  path: string;
  /** What both sides had agreed on before; null: there was no such file. */
  before: RecordedVersion | null;
  after: RecordedVersion | null;
  /** Files in the trash that may hold what was replaced. */
  asides: string[];
}

/** A run, or a choice of a person, that changed something. */
export interface RunOnRecord {
  run: string;
  /** RFC 3339: when it changed the first thing. */
  at: string;
  /** What it was, if it came to its end. */
  command: string | null;
  /** It put versions back, as an undo or one by one. */
  restored: boolean;
  /** The run that it took back; null when it is no undo. */
  of: string | null;
  /** False for one that was cut off, and for single files that a watcher moved. */
  ended: boolean;
  changes: PathChange[];
  /** Met by it; both versions have a name, so there is nothing to take back. */
  conflicts: { path: string; copy: string }[];
  /** Choices of a person. */
  resolved: Extract<ActivityRecord, { type: 'resolved' }>[];
  /** Copies whose conflict it made wait for a choice again. */
  reopened: string[];
}

/** All runs on record that changed something, oldest first. */
export function runsOnRecord(records: readonly ActivityRecord[]): RunOnRecord[] {
  const byRun = new Map<string, ActivityRecord[]>();
  for (const record of records) {
    const known = byRun.get(record.run);
    if (known === undefined) byRun.set(record.run, [record]);
    else known.push(record);
  }
  return [...byRun.values()]
    .map(summary)
    .filter(({ changes, conflicts }) => changes.length + conflicts.length > 0);
}

function summary(records: readonly ActivityRecord[]): RunOnRecord {
  const [first] = records;
  const end = records.find((record) => record.type === 'run');
  const restored = records.find((record) => record.type === 'restored');
  const met = records.filter((record) => record.type === 'conflict');
  const conflicts = met
    .filter(({ reopened }) => reopened !== true)
    .map(({ path, copy }) => ({ path, copy }));
  const kept = new Set(conflicts.flatMap(({ path, copy }) => [path, copy]));
  return {
    ...{ run: first?.run ?? '', at: first?.at ?? '', command: end?.command ?? null },
    ...{ restored: restored !== undefined, of: restored?.of ?? null },
    ...{ ended: end !== undefined, conflicts },
    changes: changesOf(records).filter(({ path }) => !kept.has(path)),
    resolved: records.filter((record) => record.type === 'resolved'),
    reopened: met.filter(({ reopened }) => reopened === true).map(({ copy }) => copy),
  };
}

/** From the first version of each path to its last; what ends as it began is no change. */
function changesOf(records: readonly ActivityRecord[]): PathChange[] {
  const changes = new Map<string, PathChange>();
  for (const { path, before, after, aside } of records.flatMap(stepsOf)) {
    const known = changes.get(path);
    const asides = [...(known?.asides ?? []), ...(aside === undefined ? [] : [aside])];
    changes.set(path, { path, before: known === undefined ? before : known.before, after, asides });
  }
  return [...changes.values()].filter(({ before, after }) => before?.md5 !== after?.md5);
}

type Step = Omit<PathChange, 'asides'> & { aside?: string | undefined };

function stepsOf(record: ActivityRecord): Step[] {
  switch (record.type) {
    case 'run':
    case 'conflict':
      return [];
    case 'resolved':
      return (record.changes ?? []).map((change) => ({ ...change, aside: record.aside }));
    default:
      return [record];
  }
}
