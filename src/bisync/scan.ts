import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePrivateFolder } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { bisyncPlanArgv } from '../rclone/argv.ts';
import { writeRemote } from '../rclone/config-file.ts';
import { rcloneEnvironment } from '../rclone/environment.ts';
import type { Rclone } from '../rclone/rclone.ts';
import { runRclone, type RunResult } from '../rclone/run.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import type { S3Client } from '../s3/client.ts';
import type { LeftOut } from './filters/left-out.ts';
import { ACCESS_CONTENT, ACCESS_FILE } from './filters/own-files.ts';
import type { PathFilter } from './filters/path-filter.ts';
import { rcloneRules } from './filters/rclone-rules.ts';
import { formatListing, parseListing, type ParsedListing } from './listing.ts';
import { freshFolder, type Pair } from './pair.ts';
import { scanFailure } from './scan-failure.ts';
import { surveyFolder, type Survey } from './survey.ts';
import type { Baseline, Version } from './versions.ts';

export interface ScanOptions {
  access: BucketAccess;
  rclone: Rclone;
  pair: Pair;
  baseline: Baseline;
  checkAccess: boolean;
  /** Whether `.gitignore` files count as well. */
  gitignore: boolean;
  s3: S3Client;
  signal?: AbortSignal | undefined;
}

export interface Scan {
  local: Map<string, Version>;
  remote: Map<string, Version>;
  /** What rclone cannot handle here and is therefore left alone on both sides. */
  leftOut: LeftOut[];
  /** What is synced at all; both listings are without what it ignores. */
  filter: PathFilter;
  /** Names that are no Unicode text, as rclone escapes them. */
  unreadableNames: string[];
  /** What of ours lies in the local root. */
  own: Pick<Survey, 'temporaries' | 'trashes'>;
  /** Whether the check file is on both sides; rclone does not look when a side is empty. */
  accessFile: boolean;
}

const ATTEMPTS = 3;

/**
 * Lists both sides as they are now: one `rclone bisync --dry-run` applies the filters and the access
 * check and leaves the two listings. Its state folder is made anew from our baseline each time, so
 * nothing that an earlier or killed rclone left can matter.
 *
 * @throws AbortError with the state of the pair as its code: `offline` (5), `needs-login` (4),
 * `halted-marker-missing` (78) …
 */
export async function scanBothSides(options: ScanOptions, host: Host): Promise<Scan> {
  const remoteName = `cloud-${options.pair.id}`;
  const { endpoint, region } = options.access;
  const config = await writeRemote(host, { name: remoteName, endpoint, region });
  const { root } = options.pair;
  let survey = await surveyFolder(root, { tryToRead: false, gitignore: options.gitignore });
  for (let attempt = 1; ; attempt += 1) {
    const workdir = await seedWorkdir(options, remoteName, survey, host);
    const result = await runDryRun(options, { config, workdir, remoteName }, host);
    options.signal?.throwIfAborted();
    const listings = await readListings(workdir, result);
    if (listings !== undefined) {
      const { local, remote } = listings;
      const found = [local, remote].filter(({ files }) => files.delete(ACCESS_FILE));
      const { leftOut, filter, ...own } = survey;
      // rclone's rules mean the same, except where that would take too long to say.
      for (const { files } of [local, remote]) dropIgnored(files, filter);
      await askForEtags(remote.files, options);
      const unreadableNames = [...local.unreadableNames, ...remote.unreadableNames];
      const accessFile = found.length === 2;
      const sides = { local: local.files, remote: remote.files };
      return { ...sides, leftOut, filter, own, unreadableNames, accessFile };
    }
    // A file that vanished while it was being listed ends rclone too; then it is simply run again.
    if (attempt === ATTEMPTS || !isLocalTrouble(result)) throw scanFailure(result);
    survey = await surveyFolder(root, { tryToRead: true, gitignore: options.gitignore });
  }
}

function dropIgnored(files: Map<string, Version>, filter: PathFilter): void {
  for (const path of files.keys()) if (filter.ignores(path, 'file')) files.delete(path);
}

async function seedWorkdir(
  options: ScanOptions,
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
  const session = `${sessionPart(options.pair.root)}..${sessionPart(`${remoteName}:${options.access.bucket}`)}`;
  const files = [1, 2].map((number) => join(workdir, `${session}.path${number}.lst`));
  const { text: rules } = await rcloneRules(filter.rules, leftOut);
  // Nothing of lasting worth: the folder is thrown away before each run, so no fsync.
  await Promise.all([
    ...files.map((file) => writeFile(file, text, { mode: 0o600 })),
    writeFile(join(workdir, 'filters'), rules, { mode: 0o600 }),
  ]);
  return workdir;
}

/** How rclone names its listings: `CanonicalPath` of rclone's `bilib`. */
function sessionPart(path: string): string {
  return path.replace(/^\/+|\/+$/g, '').replace(/[\s\\/:?*]/g, '_');
}

async function runDryRun(
  { access: keys, rclone, pair, checkAccess, signal }: ScanOptions,
  at: { config: string; workdir: string; remoteName: string },
  host: Host,
): Promise<RunResult> {
  const argv = bisyncPlanArgv({
    config: at.config,
    local: pair.root,
    remote: { remote: at.remoteName, bucket: keys.bucket },
    workdir: at.workdir,
    filterFrom: join(at.workdir, 'filters'),
    ...(checkAccess ? { checkFilename: ACCESS_FILE } : {}),
  });
  const env = rcloneEnvironment(host.env, keys);
  return runRclone(rclone, argv, { env, ...(signal === undefined ? {} : { signal }) });
}

/** Undefined when rclone did not come to list both sides. */
async function readListings(
  workdir: string,
  result: RunResult,
): Promise<{ local: ParsedListing; remote: ParsedListing } | undefined> {
  const names = await readdir(workdir);
  // An empty side ends rclone after it has listed both; an empty side is our own guard's business.
  const emptySide = result.tail.some((line) => /Empty current Path\d listing/.test(line));
  const ending = result.exitCode === 0 ? '.lst-dry' : emptySide ? '.lst-dry-new' : undefined;
  if (ending === undefined) return undefined;
  const read = async (side: 'path1' | 'path2'): Promise<ParsedListing | undefined> => {
    const name = names.find((each) => each.endsWith(`.${side}${ending}`));
    return name === undefined
      ? undefined
      : parseListing(await readFile(join(workdir, name), 'utf8'));
  };
  const [local, remote] = await Promise.all([read('path1'), read('path2')]);
  return local === undefined || remote === undefined ? undefined : { local, remote };
}

function isLocalTrouble(result: RunResult): boolean {
  return result.tail.some((line) =>
    /permission denied|no such file or directory|failed to open|input\/output error|is not a directory/i.test(
      line,
    ),
  );
}

/** Objects of multipart uploads have no MD5; their ETag tells whether they changed. */
async function askForEtags(
  remote: Map<string, Version>,
  { s3, signal }: ScanOptions,
): Promise<void> {
  const unknown = [...remote].filter(([, version]) => version.md5 === null).values();
  const worker = async (): Promise<void> => {
    for (const [path, version] of unknown) {
      const head = await s3.head(path, signal);
      if (head !== undefined) remote.set(path, { ...version, etag: head.etag });
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}
