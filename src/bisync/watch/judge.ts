import { basename } from 'node:path';
import { ignoreFileNames } from '../filters/ignore-file.ts';
import { leftOutTest, type LeftOut } from '../filters/left-out.ts';
import type { PathFilter } from '../filters/path-filter.ts';
import { hasLookAlike } from '../names.ts';
import { foldsNames, unfitName, type NameRules } from '../name-rules.ts';
import { unsafeKey } from '../safe-path.ts';
import { etagOf, type BaselineEntry } from '../versions.ts';
import type { RemoteHint } from './agenda.ts';

/** Larger files go through a run, which tells how far it is and can be cut off anywhere. */
export const LANE_BYTES = 64 * 1024 * 1024;

/** What decides about paths, the same as in a run. */
export interface LaneRules {
  filter: PathFilter;
  leftOut: readonly LeftOut[];
  /** Whether `.gitignore` files count as well. */
  gitignore: boolean;
  names: NameRules;
  /** Paths whose conflict waits for a person. */
  inConflict: ReadonlySet<string>;
  /** Paths whose last write ended unknown. */
  inDoubt: ReadonlySet<string>;
}

/** What stands under a name in the local folder. */
export type Found = { type: 'file'; size: number } | { type: 'missing' } | { type: 'other' };

export type Verdict =
  /** Not synced, or nothing of it is. */
  'nothing' | 'lane' | { run: string };

/** Whether a change of this path may take the lane at all. Pure. */
export function judgePath(path: string, known: boolean, rules: LaneRules): Verdict {
  if (unsafeKey(path, rules.names.platform) !== undefined) return { run: 'unsafe-path' };
  // Rules decide about other files too.
  if (isIgnoreFile(path, rules) && !rules.filter.ignores(path, 'file')) return { run: 'rules' };
  if (rules.filter.ignores(path, 'file') || leftOutTest(rules.leftOut)(path)) return 'nothing';
  if (hasLookAlike(path) || path.includes('\ufffd')) return { run: 'name' };
  if (unfitName(path, rules.names) !== undefined) return { run: 'name' };
  if (!known && foldsNames(rules.names)) return { run: 'name' };
  if (rules.inConflict.has(path)) return { run: 'conflict' };
  if (rules.inDoubt.has(path)) return { run: 'doubt' };
  return 'lane';
}

export function isIgnoreFile(path: string, { gitignore }: Pick<LaneRules, 'gitignore'>): boolean {
  return ignoreFileNames({ gitignore }).includes(basename(path));
}

/** What a change here comes to. `lane`: it is an upload, unless the content is the agreed one. Pure. */
export function judgeLocal(
  path: string,
  found: Found,
  agreed: BaselineEntry | undefined,
  rules: LaneRules,
): Verdict {
  if (found.type === 'missing' && agreed === undefined) return 'nothing';
  const verdict = judgePath(path, agreed !== undefined, rules);
  if (verdict !== 'lane') return verdict;
  if (found.type === 'missing') return { run: 'deleted' };
  if (found.type === 'other') return agreed === undefined ? 'nothing' : { run: 'deleted' };
  return found.size > LANE_BYTES ? { run: 'large' } : 'lane';
}

/** What a change there comes to. `lane`: it is a download. Pure. */
export function judgeRemote(
  { path, event }: RemoteHint,
  agreed: BaselineEntry | undefined,
  rules: LaneRules,
): Verdict {
  const { change, etag, size } = event;
  if (change === 'transition') return 'nothing';
  // A folder's marker.
  if (path.endsWith('/')) return 'nothing';
  const gone = change === 'delete';
  if (gone && agreed === undefined) return 'nothing';
  // Our own writes come back as events too. Only the present version counts, or another device that
  // puts an older one back would not be heard.
  if (!gone && agreed !== undefined && etag !== undefined && etagOf(agreed) === `"${etag}"`) {
    return 'nothing';
  }
  const verdict = judgePath(path, agreed !== undefined, rules);
  if (verdict !== 'lane') return verdict;
  if (gone) return { run: 'deleted' };
  return (size ?? 0) > LANE_BYTES ? { run: 'large' } : 'lane';
}
