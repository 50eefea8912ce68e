import { chmod, rm } from 'node:fs/promises';
import { keepAsConflictCopy, moveAside, putBack } from './aside.ts';
import { fetchVersion, placeFetched, type Fetched } from './download.ts';
import { hashStable, type LocalVersion } from './local-file.ts';
import type { ConflictStrategy } from './profiles.ts';
import { PathProblem } from './problems.ts';
import { settle, type RunContext } from './run-context.ts';
import { isVersion, uploadFile } from './upload.ts';
import { keptEtag } from './versions.ts';

const ROUNDS = 4;

/**
 * Both sides may have their own version of a path: looks at what is there now, and keeps both if
 * they differ. One keeps the name, as the strategy says; the other gets a conflict copy. Nothing is
 * assumed from the plan, so this also ends every race that a condition has noticed.
 *
 * @throws PathProblem `changing` when either side changes each time it is looked at
 */
export async function resolveBothSides(run: RunContext, path: string): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    if (await tryResolve(run, path)) return;
  }
  throw new PathProblem('changing', `${path} keeps changing on both sides`);
}

/** False when something changed meanwhile; nothing is lost then, and it is looked at again. */
async function tryResolve(run: RunContext, path: string): Promise<boolean> {
  const target = await run.root.pathOf(path, { createFolders: true });
  const [head, local] = await Promise.all([
    run.s3.head(path, run.signal),
    hashStable(target, run.wait),
  ]);
  if (head === undefined && local === undefined) {
    await settle(run, path, null);
    return true;
  }
  if (head === undefined) return (await uploadFile(run, path, null)) === 'written';
  if (local !== undefined && isVersion(head, { size: local.size, md5: local.md5 })) {
    const { size, md5 } = local;
    await settle(run, path, { size, md5, etag: keptEtag(head.etag, md5) });
    return true;
  }
  const fetched = await fetchVersion(run, path);
  if (fetched === undefined) return false;
  try {
    if (local === undefined) return (await placeFetched(run, path, fetched)) !== 'differs';
    if (local.md5 === fetched.entry.md5) {
      await settle(run, path, fetched.entry);
      return true;
    }
    const choice = chooseSide(run.strategy, local, fetched, run.s3.clockSkewMs);
    return await (choice.kept === 'cloud'
      ? keepCloud(run, path, local, fetched, choice.open)
      : keepLocal(run, path, fetched, choice.open));
  } finally {
    await rm(fetched.temporary, { force: true });
  }
}

/** The cloud's version takes the name; the local one becomes the copy. */
async function keepCloud(
  run: RunContext,
  path: string,
  local: LocalVersion,
  fetched: Fetched,
  open: boolean,
): Promise<boolean> {
  const aside = await moveAside(run, path, fetched.target, local);
  if (aside === undefined) return false;
  // It is the copy that a program may go on writing to, not a file in the trash.
  run.tally.asides = run.tally.asides.filter((each) => each.aside !== aside);
  try {
    await chmod(fetched.temporary, local.mode);
    await keepAsConflictCopy(run, path, aside, { kept: 'cloud', open, from: 'local' });
  } catch (error) {
    await putBack(run, path, fetched.target, aside);
    throw error;
  }
  await run.journal.write({ type: 'aside-done', aside });
  return (await placeFetched(run, path, fetched)) !== 'differs';
}

/** The local version takes the name; the cloud's becomes the copy, first here and then there. */
async function keepLocal(
  run: RunContext,
  path: string,
  fetched: Fetched,
  open: boolean,
): Promise<boolean> {
  const about = { kept: 'local', open, from: 'cloud' } as const;
  const { copy, synced } = await keepAsConflictCopy(run, path, fetched.temporary, about);
  // In the bucket before its original is overwritten there; or already, by a run that was cut off.
  if (!synced && (await uploadFile(run, copy, null)) !== 'written') return false;
  run.tally.newCopies = run.tally.newCopies.filter((each) => each !== copy);
  return (await uploadFile(run, path, fetched.entry)) === 'written';
}

/** Beyond this, times of this machine and of others cannot be compared. */
const MAX_SKEW_MS = 60_000;

/**
 * Who keeps the name. When the strategy cannot tell, the cloud's version keeps it, because other
 * machines have that one already, and the conflict stays open for a person.
 */
export function chooseSide(
  strategy: ConflictStrategy,
  local: { size: number; modifiedMs: number },
  remote: { entry: { size: number }; modifiedMs: number },
  clockSkewMs: number | undefined,
): { kept: 'local' | 'cloud'; open: boolean } {
  const undecided = { kept: 'cloud', open: true } as const;
  const larger = (mine: number, theirs: number): ReturnType<typeof chooseSide> =>
    mine === theirs ? undecided : { kept: mine > theirs ? 'local' : 'cloud', open: false };
  switch (strategy) {
    case 'none':
      return undecided;
    case 'local':
    case 'cloud':
      return { kept: strategy, open: false };
    case 'larger':
      return larger(local.size, remote.entry.size);
    case 'newer':
      return clockSkewMs === undefined || Math.abs(clockSkewMs) > MAX_SKEW_MS
        ? undecided
        : larger(Math.round(local.modifiedMs), Math.round(remote.modifiedMs));
  }
}
