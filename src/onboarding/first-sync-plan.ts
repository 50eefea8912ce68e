import { readdir, realpath } from 'node:fs/promises';
import { readPairs } from '../bisync/pair.ts';
import { runBisync } from '../bisync/run.ts';
import { count, formatBytes } from '../output/format.ts';
import { isErrno } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import type { Amount, FirstSyncPlan, FirstSyncTarget, SetupDeps } from './request.ts';

/** Whether the folder holds something and was never synced: then the person is told first. */
export async function needsFirstSyncPlan(root: string, host: Host): Promise<boolean> {
  if ((await namesIn(root)).length === 0) return false;
  const real = await realpath(root).catch(() => root);
  return !(await readPairs(host)).some((pair) => pair.root === real);
}

/** Compares both sides and changes nothing on either. @throws as `runBisync` */
export async function planFirstSync(
  target: FirstSyncTarget,
  deps: Pick<SetupDeps, 'host' | 'signal'>,
): Promise<FirstSyncPlan> {
  const { access, rclone, root, profile } = target;
  const options = { access, rclone, localRoot: root, profile: profile ?? 'balanced' };
  const result = await runBisync(
    { ...options, dryRun: true, command: 'cloud setup', signal: deps.signal },
    deps.host,
    () => undefined,
  );
  const amount = (action: string): Amount => {
    const steps = result.planned.filter((step) => step.action === action);
    return { files: steps.length, bytes: steps.reduce((sum, { size }) => sum + size, 0) };
  };
  return {
    root: result.root,
    bucket: result.bucket,
    onlyHere: amount('upload'),
    onlyInBucket: amount('download'),
    differ: amount('conflict'),
    equal: result.counts.unchanged,
    problems: result.problems.map(({ path, message }) => ({ path, message })),
  };
}

/** In one line, for the step that found it out. */
export function summarizeFirstSync(plan: FirstSyncPlan): string {
  const parts: [number, string][] = [
    [plan.onlyHere.files, 'only here'],
    [plan.onlyInBucket.files, 'only in the bucket'],
    [plan.differ.files, 'different'],
    [plan.equal, 'equal'],
  ];
  const found = parts.filter(([files]) => files > 0);
  if (found.length === 0) return 'nothing to sync yet';
  return found.map(([files, where]) => `${files.toLocaleString('en-US')} ${where}`).join(', ');
}

/** For the question, and for the run that is not asked. */
export function describeFirstSync(plan: FirstSyncPlan): string {
  const { onlyHere, onlyInBucket, differ, equal, problems } = plan;
  const lines = [
    line('upload', onlyHere.files, 'only here', onlyHere.bytes),
    line('download', onlyInBucket.files, 'only in the bucket', onlyInBucket.bytes),
    line('keep both versions of', differ.files, 'different on both sides'),
    line('leave', equal, 'equal on both sides'),
    line('leave out', problems.length, 'that cannot be synced'),
  ].filter((each) => each !== undefined);
  return [
    `${plan.root} is not empty.`,
    'The first sync would',
    ...(lines.length === 0 ? ['  move nothing'] : lines),
    'and delete nothing on either side.',
  ].join('\n');
}

function line(verb: string, files: number, which: string, bytes?: number): string | undefined {
  if (files === 0) return undefined;
  const size = bytes === undefined ? '' : ` (${formatBytes(bytes)})`;
  return `  ${verb} ${count(files, 'file')} ${which}${size}`;
}

async function namesIn(root: string): Promise<string[]> {
  try {
    return await readdir(root);
  } catch (error) {
    // Absent is empty; what is no folder is the sync's to refuse.
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
