import { count } from '../output/format.ts';
import type { Action, Plan } from './plan.ts';
import type { Profile } from './profiles.ts';
import { contentKey } from './renames.ts';
import type { Baseline, Listing } from './versions.ts';

/** Why a plan must not run without a person's approval. */
export interface GuardStop {
  state: 'halted-root-emptied' | 'halted-delete-guard';
  /** The side that would lose files. */
  side: 'local' | 'remote';
  message: string;
  /** What would be deleted there. */
  paths: string[];
}

/**
 * Looks at what a plan deletes on each side, by number and by share of the agreed files. A renamed
 * file is no delete, nor is one whose content stays under another name on both sides: another device
 * may have renamed it, and its new name came with an earlier run or by the lane. A single one always
 * passes: in a small folder any share would be too much.
 */
export function checkGuards(
  plan: Plan,
  profile: Profile,
  state: { baseline: Baseline; local: Listing; remote: Listing },
): GuardStop | undefined {
  // What is on neither side any more, or ignored from now on, is no file that could be kept.
  const forgotten = plan.actions.filter(({ type }) => type === 'forget').length;
  const total = state.baseline.size - forgotten;
  for (const side of ['local', 'remote'] as const) {
    const paths = deletesOn(side, plan, state.baseline);
    const emptied = side === 'local' ? state.remote : state.local;
    if (emptied.size === 0 && total > 1 && paths.length > 0) {
      const message =
        `${side === 'local' ? 'The bucket' : 'The local folder'} is suddenly empty: ` +
        `${count(paths.length, 'file')} would be deleted ${where(side)}.`;
      return { state: 'halted-root-emptied', side, message, paths };
    }
    const percent = total === 0 ? 0 : (paths.length / total) * 100;
    const tooMany = paths.length > profile.maxDeletes || percent > profile.maxDeletePercent;
    if (paths.length > 1 && tooMany) {
      const message =
        `${count(paths.length, 'file')} of ${total} (${Math.round(percent)} %) would be deleted ` +
        `${where(side)}; the profile ${profile.name} allows ${profile.maxDeletePercent} % ` +
        `and ${profile.maxDeletes.toLocaleString('en-US')} files.`;
      return { state: 'halted-delete-guard', side, message, paths };
    }
  }
  return undefined;
}

/**
 * A disk inside the folder that is not mounted: what it holds seems to be deleted here, and what came
 * from the bucket would lie beneath it.
 *
 * @param gone the disks' places, as paths in the pair
 */
export function missingDisk(
  gone: readonly string[],
  { baseline, local }: { baseline: Baseline; local: Listing },
): GuardStop | undefined {
  const paths = [...baseline.keys()].filter(
    (path) => !local.has(path) && gone.some((disk) => path.startsWith(`${disk}/`)),
  );
  const disk = gone.find((each) => paths[0]?.startsWith(`${each}/`));
  if (disk === undefined) return undefined;
  const message =
    `${disk} was a disk of its own and is not mounted: ` +
    `${count(paths.length, 'file')} would be deleted in the bucket.`;
  return { state: 'halted-root-emptied', side: 'remote', message, paths };
}

function deletesOn(side: 'local' | 'remote', plan: Plan, baseline: Baseline): string[] {
  const type: Action['type'] = side === 'local' ? 'delete-local' : 'delete-remote';
  const renamed = new Set(
    plan.renames.filter((rename) => rename.side !== side).map(({ from }) => from),
  );
  const paths = plan.actions
    .filter((action) => action.type === type && !renamed.has(action.path))
    .map(({ path }) => path);
  return paths.length === 0 ? [] : withoutCopies(paths, plan, baseline);
}

/** Each path that stays as it is speaks for one delete of the same content. */
function withoutCopies(paths: readonly string[], plan: Plan, baseline: Baseline): string[] {
  const changing = new Set(plan.actions.map(({ path }) => path));
  const staying = new Map<string, number>();
  for (const [path, entry] of baseline) {
    const key = contentKey(path, entry);
    if (key === undefined || changing.has(path)) continue;
    staying.set(key, (staying.get(key) ?? 0) + 1);
  }
  return paths.filter((path) => {
    const key = contentKey(path, baseline.get(path)) ?? '';
    const left = staying.get(key) ?? 0;
    if (left > 0) staying.set(key, left - 1);
    return left === 0;
  });
}

function where(side: 'local' | 'remote'): string {
  return side === 'local' ? 'in the local folder' : 'in the bucket';
}

const FEW = 5;
const GROUPS = 8;

/** What would be deleted, for people: a few paths by name, many by folder. */
export function wouldGo(paths: readonly string[]): string[] {
  if (paths.length <= FEW) return [`Would be deleted: ${paths.join(', ')}`];
  const groups = new Map<string, number>();
  const depth = commonDepth(paths);
  for (const path of paths) {
    const names = path.split('/');
    const group = names.length > depth + 1 ? `${names.slice(0, depth + 1).join('/')}/` : path;
    groups.set(group, (groups.get(group) ?? 0) + 1);
  }
  const largest = [...groups].sort(([, a], [, b]) => b - a);
  const rest = largest.slice(GROUPS).reduce((sum, [, number]) => sum + number, 0);
  return [
    'Would be deleted:',
    ...largest
      .slice(0, GROUPS)
      .map(([name, number]) =>
        name.endsWith('/') ? `  ${name} (${count(number, 'file')})` : `  ${name}`,
      ),
    ...(rest === 0 ? [] : [`  and ${count(rest, 'file')} more`]),
  ];
}

/** How many folders all paths share: below there they begin to differ. */
function commonDepth(paths: readonly string[]): number {
  const [first = '', ...others] = paths;
  const folders = first.split('/').slice(0, -1);
  const differs = folders.findIndex((_, index) => {
    const start = `${folders.slice(0, index + 1).join('/')}/`;
    return others.some((path) => !path.startsWith(start));
  });
  return differs === -1 ? folders.length : differs;
}
