import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findMount, readMountTable } from '../../../src/mount/mount-table.ts';
import { scanPending } from '../../../src/mount/pending.ts';
import { MOUNT_PROFILES } from '../../../src/mount/profiles.ts';
import { listRecords } from '../../../src/mount/record.ts';
import { openVfs, REMOTE, type Vfs } from '../../../src/mount/vfs.ts';
import { signalProcess } from '../../../src/platform/processes.ts';
import { createRcClient } from '../../../src/rclone/rc-client.ts';
import { rcloneEnvironment } from '../../../src/rclone/environment.ts';
import { remoteSettings } from '../../../src/rclone/remote-settings.ts';
import { runCloud } from '../../support/run-cloud.ts';
import type { Lab, LabUser } from './lab.ts';

/** Something that shows a folder, and what it takes to look at it from outside. */
export interface Contender {
  name: string;
  /** The plain rclone of the same freshness that it must not be slower than. */
  rival?: string;
  folder: string;
  /** Seconds after which it looks into the bucket again; undefined where there is no bucket. */
  freshness: number | undefined;
  /** Mounts with nothing in its cache. */
  mount(): Promise<void>;
  /** Uploads what waits, unmounts, and forgets its cache. */
  unmount(): Promise<void>;
  /** Returns when everything written is in the bucket. */
  settled(): Promise<void>;
  /** Ends it at once, however it is, when the run is broken off. */
  discard(): void;
}

/** Each needs a user of its own, of this name. */
export const usersOf = (profiles: readonly string[]): string[] => [
  ...profiles,
  ...profiles.map((name) => `full-${name}`),
  'defaults',
];

/** Each profile, each beside plain rclone of its freshness, rclone's defaults, and the disk. */
export async function openContenders(lab: Lab, profiles: readonly string[]): Promise<Contender[]> {
  const user = (slug: string): LabUser => lab.users.get(slug)!;
  const found: Contender[] = [];
  for (const name of profiles) {
    const profile = MOUNT_PROFILES.find((each) => each.name === name)!;
    const { freshnessSeconds: freshness, writeBackSeconds } = profile;
    const rival = `rclone full, ${freshness} s`;
    found.push(ownMount(lab, user(name), name, freshness, rival));
    // Others see a change after the latter, and programs here after the sum of the former two, of which
    // a mount of ours leaves nothing to the kernel.
    const times = ['--dir-cache-time', `${freshness}s`, '--attr-timeout', '0s'];
    const writeBack = ['--vfs-write-back', `${writeBackSeconds}s`];
    const flags = ['--vfs-cache-mode', 'full', ...times, ...writeBack];
    found.push(await plainMount(lab, user(`full-${name}`), rival, freshness, flags));
  }
  found.push(await plainMount(lab, user('defaults'), 'rclone defaults', 300, []));
  const folder = join(lab.root, 'disk');
  await mkdir(folder);
  const nothing = (): Promise<void> => Promise.resolve();
  const disk = { mount: nothing, unmount: nothing, settled: nothing, discard: () => undefined };
  return [{ name: 'local disk', folder, freshness: undefined, ...disk }, ...found];
}

function ownMount(
  lab: Lab,
  user: LabUser,
  profile: string,
  freshness: number,
  rival: string,
): Contender {
  const folder = join(lab.root, user.slug, 'mount');
  const { places } = user.host;
  const cloud = async (...args: string[]): Promise<void> => {
    const { exitCode, stderr } = await runCloud(args, { env: user.env });
    if (exitCode !== 0) throw new Error(`cloud ${args.join(' ')}: ${stderr}`);
  };
  return {
    ...{ name: `cloud ${profile}`, rival, folder, freshness },
    mount: () => cloud('mount', '--profile', profile, '--path', folder),
    unmount: async () => {
      await cloud('unmount');
      await rm(join(places.cache, 'mounts'), { recursive: true, force: true });
    },
    settled: async () => {
      const [record] = listRecords(places);
      const { rclone, bucket, id } = record!;
      const vfs = openVfs(createRcClient(rclone!.address), bucket, 10_000);
      await uploaded(vfs, join(places.cache, 'mounts', id), bucket);
    },
    discard: () => {
      for (const { supervisor, rclone } of listRecords(places)) {
        for (const identity of [supervisor, rclone]) {
          if (identity !== null) signalProcess(identity, 'SIGKILL');
        }
      }
      detach(folder);
    },
  };
}

async function plainMount(
  lab: Lab,
  user: LabUser,
  name: string,
  freshness: number,
  flags: readonly string[],
): Promise<Contender> {
  const home = join(lab.root, user.slug);
  const folder = join(home, 'mount');
  const cache = join(home, 'cache');
  const config = join(home, 'rclone.conf');
  const socketPath = join(home, 'rc.sock');
  await mkdir(folder, { recursive: true });
  const { bucket, accessKeyId, secretAccessKey } = user.keys;
  const settings = {
    ...remoteSettings(user.keys),
    access_key_id: accessKeyId,
    secret_access_key: secretAccessKey,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}`);
  await writeFile(config, `[${REMOTE}]\n${lines.join('\n')}\n`, { mode: 0o600 });
  const log = openSync(join(home, 'rclone.log'), 'a');
  let child: ChildProcess | undefined;
  const settled = (): Promise<void> =>
    uploaded(openVfs(createRcClient({ socketPath }), bucket, 10_000), cache, bucket);
  return {
    ...{ name, folder, freshness, settled },
    mount: async () => {
      const rc = ['--rc', '--rc-addr', `unix://${socketPath}`, '--rc-no-auth'];
      const argv = ['mount', `${REMOTE}:${bucket}`, folder, '--cache-dir', cache, ...rc, ...flags];
      // Its own configuration; otherwise as a person runs it.
      const env = { ...rcloneEnvironment(user.env), RCLONE_CONFIG: config };
      // In a session of its own, as with `--daemon` and as ours: Linux shares a busy processor out among
      // sessions (sched_autogroup), and one within the session of its readers was two to three times faster.
      const stdio = ['ignore', 'ignore', log] as const;
      child = spawn(lab.rclone, argv, { env, stdio: [...stdio], detached: true });
      while (findMount(await readMountTable(process.platform), folder) === undefined) {
        await delay(5);
      }
    },
    unmount: async () => {
      await settled();
      const ended = once(child!, 'exit');
      child!.kill('SIGTERM');
      await ended;
      await rm(cache, { recursive: true, force: true });
    },
    discard: () => {
      child?.kill('SIGKILL');
      detach(folder);
    },
  };
}

/** Says no when nothing is mounted there, which is as well. */
function detach(folder: string): void {
  spawnSync('fusermount3', ['-uz', folder], { stdio: 'ignore' });
}

/** rclone's queue does not list a file in the moment after its `close`; its notes on the disk do. */
async function uploaded(vfs: Vfs, cacheDir: string, bucket: string): Promise<void> {
  for (;;) {
    const { uploadsInProgress, uploadsQueued } = await vfs.stats().catch(() => NO_CACHE);
    if (uploadsInProgress + uploadsQueued === 0) {
      if (scanPending(cacheDir, bucket, 60_000).files.length === 0) return;
    }
    await delay(20);
  }
}

/** `vfs/stats` tells nothing of a cache where there is none. */
const NO_CACHE = { uploadsInProgress: 0, uploadsQueued: 0 };
