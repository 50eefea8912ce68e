import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../platform/atomic-file.ts';
import { unfitForWindows } from '../platform/file-names.ts';
import { platformOf } from '../platform/platform.ts';
import {
  findCollisions,
  foldAnywhere,
  foldOf,
  foldsNames,
  unfitName,
  type NameRules,
} from './name-rules.ts';
import { MARKER } from './marker.ts';
import { isAgreed, type Plan } from './plan.ts';
import type { Problem } from './problems.ts';
import type { Baseline, BaselineEntry, Listing, Version } from './versions.ts';

/** A name that is synced, but that some system cannot hold. Told with its upload. */
export interface NameWarning {
  path: string;
  /** One sentence for people. */
  message: string;
}

/** What the folder's file system takes for one name, found out by the marker in it. */
export async function nameRulesOf(root: string, platform: NodeJS.Platform): Promise<NameRules> {
  const [marker, shouted] = await Promise.all([
    identityOf(join(root, MARKER)),
    identityOf(join(root, MARKER.toUpperCase())),
  ]);
  const caseInsensitive =
    marker === undefined ? platformOf(platform).foldsCase : marker === shouted;
  return { platform, root, caseInsensitive };
}

async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

interface Sides {
  baseline: Map<string, BaselineEntry>;
  local: Map<string, Version>;
  remote: Map<string, Version>;
}

/**
 * Takes the paths out of all three sides that the system here or the bucket cannot hold, or would
 * take for another file: before anything is moved, so that none is merged, dropped or deleted.
 */
export function setUnfitAside(sides: Sides, rules: NameRules): Problem[] {
  const problems: Problem[] = [];
  const setAside = (path: string, reason: Problem['reason'], message: string): void => {
    for (const side of [sides.baseline, sides.local, sides.remote]) side.delete(path);
    problems.push({ path, reason, message });
  };
  for (const path of new Set([...sides.local.keys(), ...sides.remote.keys()])) {
    const why = unfitName(path, rules);
    if (why === undefined) continue;
    setAside(path, 'unfit-name', `${path} is left alone on both sides: ${why}`);
  }
  if (!foldsNames(rules)) return problems;
  const { local, remote, baseline } = sides;
  const standing = pathsThatStay(local, remote, baseline);
  const coming = pathsThatStay(remote, local, baseline).filter((path) => !local.has(path));
  for (const [path, other] of findCollisions(standing, coming, foldOf(rules))) {
    const message = `${path} is not brought here: this system takes its name for ${other}`;
    setAside(path, 'name-collision', message);
  }
  return problems;
}

/** Without what was deleted or renamed on the other side, which makes room for its name. */
function pathsThatStay(side: Listing, other: Listing, baseline: Baseline): string[] {
  const stays = ([path, version]: [string, Version]): boolean => {
    const agreed = baseline.get(path);
    return other.has(path) || agreed === undefined || !isAgreed(version, agreed);
  };
  return [...side].filter(stays).map(([path]) => path);
}

/** What of the new names that a plan uploads others will have trouble with. */
export function warningsOf(
  plan: Plan,
  { local, remote }: { local: Listing; remote: Listing },
): NameWarning[] {
  const uploads = plan.actions.filter(({ type }) => type === 'upload');
  const fresh = uploads.filter((action) => 'replaces' in action && action.replaces === null);
  if (fresh.length === 0) return [];
  const all = new Set([...local.keys(), ...remote.keys()]);
  const clashes = findCollisions([], all, foldAnywhere);
  const of = new Map<string, string>();
  for (const [path, other] of clashes) {
    of.set(path, other);
    if (!of.has(other)) of.set(other, path);
  }
  return fresh.flatMap(({ path }): NameWarning[] => {
    const other = of.get(path);
    const clash = `${path} and ${other ?? ''} are one name for some systems (upper case, accents)`;
    const why = other === undefined ? unfitForWindows(path) : undefined;
    if (other !== undefined) return [{ path, message: clash }];
    return why === undefined ? [] : [{ path, message: `${path}: ${why}` }];
  });
}
