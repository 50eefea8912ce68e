import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePrivateFolder } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { bisyncPlanArgv } from '../rclone/argv.ts';
import { writeRemote } from '../rclone/config-file.ts';
import { rcloneEnvironment } from '../rclone/environment.ts';
import type { RcloneLogEvent } from '../rclone/log.ts';
import type { Rclone } from '../rclone/rclone.ts';
import { runRclone, type RunResult } from '../rclone/run.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import { scanEnding, unknownListing, type Ending } from './endings.ts';
import { ACCESS_CONTENT, ACCESS_FILE } from './filters/own-files.ts';
import { rcloneRules } from './filters/rclone-rules.ts';
import { formatListing, parseListing, UnknownListingError, type ParsedListing } from './listing.ts';
import { freshFolder, type Pair } from './pair.ts';
import type { Survey } from './survey.ts';
import type { Baseline } from './versions.ts';
import { platformOf } from '../platform/platform.ts';

export interface RcloneListingOptions {
  access: BucketAccess;
  rclone: Rclone;
  pair: Pair;
  baseline: Baseline;
  /** After how long without a word rclone is ended, in milliseconds. */
  silenceMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** rclone says something every ten seconds. */
const SILENCE_MS = 120_000;

/** What rclone has listed. */
export interface ListedByRclone {
  local: ParsedListing;
  /** Read when it is asked for: mostly ours is used, and each takes much memory for a large bucket. */
  remote: () => Promise<ParsedListing>;
}

/** Both listings as rclone left them, or why it did not. */
export type RcloneListing = ListedByRclone | Ending;

/**
 * The first half of one `rclone bisync --dry-run`: it applies the filters and leaves the listings of
 * both sides. Then it is ended: what it would compare with the baseline is compared by us, and its own
 * comparison of new files takes minutes at 100,000 (ADR 12). Its state folder is made anew from our
 * baseline each time, so nothing that an earlier or killed rclone left can matter.
 */
export async function listByRclone(
  options: RcloneListingOptions,
  survey: Survey,
  host: Host,
): Promise<RcloneListing> {
  const remoteName = `cloud-${options.pair.id}`;
  const { endpoint, region } = options.access;
  const config = await writeRemote(host, { name: remoteName, endpoint, region });
  const workdir = await seedWorkdir(options, remoteName, survey, host);
  const result = await runDryRun(options, { config, workdir, remoteName }, host);
  options.signal?.throwIfAborted();
  try {
    return (await readListings(workdir, result)) ?? scanEnding(result);
  } catch (error) {
    if (error instanceof UnknownListingError) return unknownListing(error);
    throw error;
  }
}

async function seedWorkdir(
  options: RcloneListingOptions,
  remoteName: string,
  { filter, leftOut }: Survey,
  host: Host,
): Promise<string> {
  // A name of its own: an rclone that outlived a killed run must not leave its listings in ours.
  const workdir = join(await freshFolder(options.pair, 'work'), randomBytes(6).toString('hex'));
  await ensurePrivateFolder(workdir);
  // rclone refuses an empty baseline; this file is on both sides and never changes.
  const accessFile: [string, { size: number; md5: string }] = [
    ACCESS_FILE,
    { size: ACCESS_CONTENT.length, md5: createHash('md5').update(ACCESS_CONTENT).digest('hex') },
  ];
  const text = formatListing([accessFile, ...options.baseline], host.clock.now());
  const remote = sessionPart(`${remoteName}:${options.access.bucket}`);
  const sessions = localNames(options.pair.root, host).map(
    (name) => `${sessionPart(name)}..${remote}`,
  );
  const files = sessions.flatMap((session) =>
    [1, 2].map((number) => join(workdir, `${session}.path${number}.lst`)),
  );
  const { text: rules } = await rcloneRules(filter.rules, leftOut);
  // Nothing of lasting worth: the folder is thrown away before each run, so no fsync.
  await Promise.all([
    ...files.map((file) => writeFile(file, text, { mode: 0o600 })),
    writeFile(join(workdir, 'filters'), rules, { mode: 0o600 }),
  ]);
  return workdir;
}

/**
 * On Windows rclone shows `：` as `:`, since it would write a `:` so; of a name with a real `：`, which
 * is usual in Chinese and Japanese, the listing would then say that it is not there.
 */
function exactNames({ platform }: Pick<Host, 'platform'>): NodeJS.ProcessEnv {
  return platformOf(platform).unix ? {} : { RCLONE_LOCAL_ENCODING: 'Slash,Dot' };
}

/**
 * What rclone may call the local folder (`FsPath` of rclone's `bilib`): by its path alone, unless it
 * is told how to write names there; then by `local:` and the path, which on Windows is a long one.
 */
function localNames(root: string, { platform }: Pick<Host, 'platform'>): string[] {
  return platformOf(platform).unix ? [root] : [`local:${root}`, `local://?/${root}`];
}

/** How rclone names its listings: `CanonicalPath` of rclone's `bilib`, whose `\s` is ASCII only. */
function sessionPart(path: string): string {
  return path.replace(/^\/+|\/+$/g, '').replace(/[\t\n\f\r \\/:?*]/g, '_');
}

async function runDryRun(
  { access: keys, rclone, pair, silenceMs = SILENCE_MS, signal }: RcloneListingOptions,
  at: { config: string; workdir: string; remoteName: string },
  host: Host,
): Promise<RunResult> {
  const argv = bisyncPlanArgv({
    config: at.config,
    local: pair.root,
    remote: { remote: at.remoteName, bucket: keys.bucket },
    workdir: at.workdir,
    filterFrom: join(at.workdir, 'filters'),
  });
  const env = { ...rcloneEnvironment(host.env, keys), ...exactNames(host) };
  const more = signal === undefined ? {} : { signal };
  return runRclone(rclone, argv, { env, silenceMs, until: isListed, ...more });
}

/**
 * What rclone says when both listings are whole and closed, and there was no error in them (1.72 to
 * 1.75, `runLocked` of cmd/bisync). One that says something else goes on to its end.
 */
function isListed({ message }: RcloneLogEvent): boolean {
  return message.startsWith('Path1 checking for diffs');
}

/** Undefined when rclone did not come to list both sides. */
async function readListings(
  workdir: string,
  result: RunResult,
): Promise<ListedByRclone | undefined> {
  const ending = result.reached ? '.lst-dry-new' : result.exitCode === 0 ? '.lst-dry' : undefined;
  if (ending === undefined) return undefined;
  const names = await readdir(workdir);
  const [local, remote] = ['path1', 'path2'].map((side) =>
    names.find((each) => each.endsWith(`.${side}${ending}`)),
  );
  if (local === undefined || remote === undefined) return undefined;
  const read = async (name: string): Promise<ParsedListing> =>
    parseListing(await readFile(join(workdir, name), 'utf8'));
  return { local: await read(local), remote: () => read(remote) };
}
