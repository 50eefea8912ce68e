import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { ExitCode } from '../../output/exit-codes.ts';
import type { Host } from '../../platform/host.ts';
import { acquireLock, readLockOwner } from '../../platform/lock.ts';
import type { LockOwner } from '../../platform/lock-held-error.ts';
import { isRunning } from '../../platform/processes.ts';
import type { Check } from '../check.ts';
import { ok, warning, type Observation } from '../finding.ts';
import { walk } from '../own-files.ts';

export const lockChecks: readonly Check[] = [
  {
    id: 'locks',
    group: 'Disk and files',
    title: 'Locks',
    withinMs: 5000,
    exitCode: ExitCode.locked,
    run: ({ host }) => locks(host),
  },
];

const OWNER = '.owner.json';

async function locks(host: Host): Promise<Observation[]> {
  const notes = await ownerNotes(host.places.state);
  const held: string[] = [];
  const stale: { path: string; owner: LockOwner | undefined }[] = [];
  for (const path of notes) {
    const owner = readLockOwner(path);
    // Removed a moment ago by its owner.
    if (owner === undefined && !existsSync(`${path}${OWNER}`)) continue;
    if (owner === undefined || !isRunning(owner)) stale.push({ path, owner });
    else held.push(`${owner.command} (process ${owner.pid}, since ${owner.since})`);
  }
  const [first] = stale;
  if (first === undefined) {
    return [ok(held.length === 0 ? 'No lock is held' : `At work now: ${held.join('; ')}`)];
  }
  const who =
    first.owner === undefined
      ? 'what it says cannot be read'
      : `${first.owner.command}, process ${first.owner.pid}, has died`;
  return [
    warning('A lock names an owner that is no more', {
      cause: `${nameOf(first.path, host)}: ${who}. The lock itself ended with it and hinders nobody`,
      cure: { sentence: 'Remove the note.', command: 'cloud doctor --fix' },
      fix: async () => {
        for (const { path } of stale) await removeNote(path, host);
        return `removed the notes of dead owners: ${stale.map(({ path }) => nameOf(path, host)).join(', ')}`;
      },
    }),
  ];
}

/** Whoever takes the lock writes the note anew and removes it at the end, so nobody's is taken away. */
async function removeNote(path: string, { clock }: Host): Promise<void> {
  (await acquireLock(path, { command: 'cloud doctor --fix', clock })).release();
}

/** The locks beside which an owner's name is written. */
async function ownerNotes(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of walk(folder)) {
    if (path.endsWith(OWNER)) found.push(path.slice(0, -OWNER.length));
  }
  return found;
}

/** `pairs/1f3a/lock` says more than `lock`. */
function nameOf(path: string, { places }: Host): string {
  return relative(places.state, path);
}
