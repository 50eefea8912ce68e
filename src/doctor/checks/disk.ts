import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ExitCode } from '../../output/exit-codes.ts';
import { formatBytes } from '../../output/format.ts';
import { isErrno } from '../../platform/atomic-file.ts';
import type { Check } from '../check.ts';
import type { Facts, Space } from '../facts.ts';
import { failure, ok, warning, type Observation } from '../finding.ts';
import { folderAnswers } from '../folder-answers.ts';

export const diskChecks: readonly Check[] = [
  {
    id: 'disk',
    group: 'Disk and files',
    title: 'Disk space',
    withinMs: 10_000,
    exitCode: ExitCode.failed,
    run: disk,
  },
];

async function disk(facts: Facts): Promise<Observation[]> {
  const { state, data, cache } = facts.host.places;
  const places = new Map([
    ['state', state],
    ['trash', data],
    ['cache of mounts', cache],
  ]);
  for (const { record } of await facts.pairs()) {
    if (record !== undefined) places.set(record.root, record.root);
  }
  const disks = new Map<number, { names: string[]; path: string }>();
  for (const [name, place] of places) {
    if (!(await folderAnswers(place, facts.host.platform))) continue;
    const path = await nearestThere(place);
    const { dev } = await stat(path);
    const known = disks.get(dev);
    if (known === undefined) disks.set(dev, { names: [name], path });
    else known.names.push(name);
  }
  return Promise.all(
    [...disks.values()].map(async ({ names, path }) =>
      judgeSpace(names.join(', '), path, await facts.deps.space(path)),
    ),
  );
}

/** What is not made yet will be made on the file system of its parent. */
async function nearestThere(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR') || dirname(path) === path) throw error;
    return nearestThere(dirname(path));
  }
}

const MIB = 1024 * 1024;
/** Below it not even a baseline can be written for sure. */
const FULL_BYTES = 64 * MIB;
/** Below it rclone's cache of a mount makes room and refuses more: `CacheMinFreeSpace` of a mount. */
const LOW_BYTES = 1024 * MIB;
const FULL_INODES = 100;
const LOW_INODES = 5000;

/** @param names what lies there, for people */
export function judgeSpace(names: string, path: string, space: Space): Observation {
  const { freeBytes, totalBytes, freeInodes, totalInodes } = space;
  const room = `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free for ${names}`;
  const cure = { sentence: 'Free some space there.', command: `du -xh ${path} | sort -h | tail` };
  if (freeBytes < FULL_BYTES) {
    const cause = `The file system of ${path} is full; nothing more can be saved or synced`;
    return failure(ExitCode.failed, `Only ${room}`, { cause, cure });
  }
  // Zero of zero: a file system without a fixed number of them.
  if (totalInodes > 0 && freeInodes < LOW_INODES) {
    const left = `Only ${freeInodes.toLocaleString('en-US')} more files can be made for ${names}`;
    const cause = `The file system of ${path} has no more inodes, whatever room is free`;
    const many = { sentence: 'Delete many small files there.', command: `df -i ${path}` };
    return freeInodes < FULL_INODES
      ? failure(ExitCode.failed, left, { cause, cure: many })
      : warning(left, { cause, cure: many });
  }
  if (freeBytes < LOW_BYTES) {
    const cause = 'A mount stops caching below 1 GiB, and large files may not fit';
    return warning(`Only ${room}`, { cause, cure });
  }
  return ok(room);
}
