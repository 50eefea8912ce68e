import { join } from 'node:path';
import { defaultRules } from '../../bisync/filters/default-rules.ts';
import { PathFilter } from '../../bisync/filters/path-filter.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { count } from '../../output/format.ts';
import { entriesIfReadable } from '../../platform/folder-entries.ts';
import type { Check } from '../check.ts';
import type { Facts } from '../facts.ts';
import { ok, warning, type Observation } from '../finding.ts';
import { folderAnswers } from '../folder-answers.ts';
import { platformOf } from '../../platform/platform.ts';

export const watchingChecks: readonly Check[] = [
  {
    id: 'inotify',
    group: 'Synced folders',
    title: 'Limits of watching files',
    withinMs: 10_000,
    exitCode: ExitCode.failed,
    run: inotify,
  },
];

const COUNT_WITHIN_MS = 3000;

/** inotify(7): each folder that is watched takes one watch of its user's. */
async function inotify(facts: Facts): Promise<Observation[]> {
  if (platformOf(facts.host.platform).watchesTrees) return [];
  const limit = async (name: string): Promise<number | undefined> => {
    const text = await facts.deps.readSystemFile(`/proc/sys/fs/inotify/${name}`);
    return text === undefined ? undefined : Number(text.trim());
  };
  const watches = await limit('max_user_watches');
  const instances = await limit('max_user_instances');
  const roots = (await facts.pairs()).flatMap(({ record }) => record?.root ?? []);
  if (watches === undefined || instances === undefined) return [ok('Watching has no limits here')];
  if (roots.length === 0) return [];
  const deadline = performance.now() + COUNT_WITHIN_MS;
  let folders = 0;
  for (const root of roots) {
    if (!(await folderAnswers(root, facts.host.platform))) continue;
    folders += await countFolders(root, deadline);
  }
  return judgeInotify({ watches, instances, folders, complete: performance.now() < deadline });
}

async function countFolders(root: string, deadline: number): Promise<number> {
  // The default list only: reading every ignore file would take longer than the count is worth.
  const defaults = new PathFilter(defaultRules());
  const waiting = [root];
  let folders = 0;
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    if (performance.now() > deadline) break;
    folders += 1;
    for (const entry of await entriesIfReadable(folder)) {
      if (!entry.isDirectory() || defaults.ignores(entry.name, 'folder')) continue;
      waiting.push(join(folder, entry.name));
    }
  }
  return folders;
}

/** Editors and other programs of the same user take from the same limit. */
const OUR_SHARE = 0.75;
const WATCHES_WANTED = 524_288;
const INSTANCES_WANTED = 512;

export function judgeInotify(seen: {
  watches: number;
  instances: number;
  folders: number;
  /** Whether there was time to count all folders. */
  complete: boolean;
}): Observation[] {
  const { watches, instances, folders, complete } = seen;
  const counted = `${complete ? '' : 'at least '}${count(folders, 'folder')}`;
  const found: Observation[] = [];
  if (folders > watches * OUR_SHARE) {
    const wanted = Math.max(WATCHES_WANTED, 2 ** Math.ceil(Math.log2(folders * 2)));
    found.push(
      warning(`${counted} to watch, and this system allows ${watches.toLocaleString('en-US')}`, {
        cause: 'Changes in the others would be seen by the next full comparison only',
        cure: raise('max_user_watches', wanted),
      }),
    );
  }
  if (instances < 16) {
    found.push(
      warning(`This system allows ${count(instances, 'program')} to watch files`, {
        cause: 'Editors and desktops use several; a watcher may get none',
        cure: raise('max_user_instances', INSTANCES_WANTED),
      }),
    );
  }
  if (found.length > 0) return found;
  return [ok(`${counted} to watch, of ${watches.toLocaleString('en-US')} that this system allows`)];
}

function raise(name: string, value: number): { sentence: string; command: string } {
  const file = '/etc/sysctl.d/60-cloud.conf';
  return {
    sentence: 'Raise the limit, now and for every later start.',
    command: `echo fs.inotify.${name}=${value} | sudo tee -a ${file} && sudo sysctl -p ${file}`,
  };
}
