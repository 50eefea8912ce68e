import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod/mini';
import { RELEASE } from '../api/contract/latest-version.ts';
import { ensurePrivateFolder, readTextIfExists, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { compareVersions } from '../rclone/rclone.ts';
import { isFromNpx } from '../service/entry-point.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

const Release = z.string().check(z.regex(RELEASE));

/** What the server that answered last called the newest release, and when a person was told. */
const Notice = z.object({ version: Release, told_at: z.nullable(z.number()) });
type Notice = z.infer<typeof Notice>;

/** The program that runs. */
export interface Installed {
  version: string;
  /** The folder of its package. */
  root: string;
}

/**
 * The line that tells of a newer release, or undefined: at most one in 24 hours. `heard` is what a
 * server said during this command; it is kept for commands that ask no server. Nothing that fails
 * here is worth an error.
 */
export async function updateNotice(
  { places, clock }: Pick<Host, 'places' | 'clock'>,
  installed: Installed,
  { heard, mayTell }: { heard: string | undefined; mayTell: boolean },
): Promise<string | undefined> {
  const path = join(places.state, 'update.json');
  const kept = await read(path);
  const version = heard ?? kept?.version;
  if (version === undefined) return undefined;
  const newer = isNewer(version, installed.version);
  const now = clock.now();
  const tell = mayTell && newer && isDue(kept, now);
  if (tell || (version !== kept?.version && (newer || kept !== undefined))) {
    const notice: Notice = { version, told_at: tell ? now : (kept?.told_at ?? null) };
    // First, because what cannot be noted would be told after every command.
    if (!(await write(path, notice))) return undefined;
  }
  if (!tell) return undefined;
  const how = howToUpdate(installed.root, version);
  return `Version ${version} of cloud is out; this is ${installed.version}. ${how}`;
}

/** A version before a release (`1.2.0-beta.1`) is older than it. */
function isNewer(release: string, own: string): boolean {
  const [numbers = '', before] = own.split('-', 2);
  const order = compareVersions(release, numbers);
  return order > 0 || (order === 0 && before !== undefined);
}

/** A clock that was put back is no reason to wait for the day that it had shown. */
function isDue(kept: Notice | undefined, now: number): boolean {
  const told = kept?.told_at ?? null;
  return told === null || now < told || now - told >= DAY_MS;
}

/** How what is installed in `root` becomes this version, as a command where there is one. */
export function howToUpdate(
  root: string,
  version: string,
  exists: (path: string) => boolean = existsSync,
): string {
  const name = `cloud-cli@${version}`;
  if (isFromNpx(root)) return `npx ${name}`;
  if (exists(join(root, '.git'))) return 'git pull && npm ci && npm run build';
  if (/[\\/]\.?pnpm[\\/]/.test(root)) return `pnpm add --global ${name}`;
  if (/[\\/]\.bun[\\/]/.test(root)) return `bun add --global ${name}`;
  if (/[\\/]node_modules[\\/]/.test(root)) return `npm install --global ${name}`;
  return `Unpack it in place of ${root}`;
}

async function read(path: string): Promise<Notice | undefined> {
  try {
    const text = await readTextIfExists(path);
    return text === undefined ? undefined : Notice.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

async function write(path: string, notice: Notice): Promise<boolean> {
  try {
    await ensurePrivateFolder(dirname(path));
    await writeFileAtomic(path, JSON.stringify(notice));
    return true;
  } catch {
    return false;
  }
}
