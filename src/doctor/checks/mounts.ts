import { ExitCode } from '../../output/exit-codes.ts';
import { count, formatBytes, shellWord } from '../../output/format.ts';
import type { MountStatus } from '../../mount/status.ts';
import { unmount } from '../../mount/unmount.ts';
import type { Check } from '../check.ts';
import type { Facts } from '../facts.ts';
import { cureOf, failure, ok, warning, withoutStop, type Observation } from '../finding.ts';

export const mountChecks: readonly Check[] = [
  {
    id: 'mounts',
    group: 'Mounts',
    title: 'Mounts',
    // Reads records and the system's list of mounts, never a mounted folder.
    withinMs: 10_000,
    exitCode: ExitCode.mount,
    run: async (facts) => {
      const mounts = await facts.mounts();
      if (mounts.length === 0) return [ok('Nothing is mounted')];
      return mounts.map((mount) => judgeMount(mount, () => clearAway(facts, mount)));
    },
  },
];

/** @param clear takes a dead mount away; what waits in its cache stays for the next mount */
export function judgeMount(mount: MountStatus, clear: () => Promise<string>): Observation {
  const { path, bucket, state, problem, pending } = mount;
  const again = mountAgain(mount);
  const waiting =
    pending.files.length === 0
      ? ''
      : `; ${count(pending.files.length, 'file')} (${formatBytes(pending.bytes)}) waiting to be uploaded`;
  const cause = problem === null ? {} : { cause: withoutStop(problem.message) };
  switch (state) {
    case 'mounted':
      return ok(`${bucket} is mounted at ${path}${waiting}`);
    case 'mounting':
    case 'draining':
      return ok(`${bucket} at ${path} is ${state} now${waiting}`);
    case 'unmounted':
      if (waiting === '') return ok(`${path} is not mounted`);
      return warning(`${path} is not mounted${waiting}`, {
        cause: 'They are kept on this disk',
        cure: { sentence: 'Mount it again; that uploads them.', command: again },
      });
    case 'degraded':
      return judgeDegraded(mount, waiting);
    case 'dead': {
      const gone = mount.rclone === null && mount.supervisor === null;
      return failure(ExitCode.mount, `The mount at ${path} is dead${waiting}`, {
        ...cause,
        cure: { sentence: 'Mount it again; what waits is uploaded then.', command: again },
        ...(gone ? { fix: clear } : {}),
      });
    }
  }
}

function judgeDegraded({ path, problem }: MountStatus, waiting: string): Observation {
  const cause = problem === null ? {} : { cause: withoutStop(problem.message) };
  if (problem?.code === 'mount-hangs' || problem?.code === 'rclone-hangs') {
    return failure(ExitCode.mount, `The mount at ${path} hangs${waiting}`, {
      ...cause,
      cure: {
        sentence:
          'It is started again by itself in a minute. If it is not, end it and mount again.',
        command: `cloud unmount --force ${shellWord(path)} && cloud mount --path ${shellWord(path)}`,
      },
    });
  }
  const cure = cureOf(problem?.suggestions ?? []);
  return warning(`The mount at ${path} can be used, but needs attention${waiting}`, {
    ...cause,
    ...(cure === undefined ? {} : { cure }),
  });
}

async function clearAway({ host, deps, signal }: Facts, mount: MountStatus): Promise<string> {
  const options = { path: mount.path, force: false };
  const { reportOf } = deps;
  await unmount(host, options, { reportOf, signal, onProgress: () => undefined });
  return `cleared the dead mount at ${mount.path} away; this mounts it again: ${mountAgain(mount)}`;
}

function mountAgain({ path, profile, readOnly }: MountStatus): string {
  return `cloud mount --path ${shellWord(path)} --profile ${profile}${readOnly ? ' --read-only' : ''}`;
}
