import { readdirSync, readFileSync, statSync } from 'node:fs';
import * as z from 'zod/mini';
import { ensurePrivateFolder, isErrno, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Places } from '../platform/places.ts';
import { isRunning } from '../platform/processes.ts';
import { mountFolders, mountsFolder } from './identity.ts';
import { MountProfile } from './profiles.ts';

/**
 * - `mounting`: a supervisor is starting it, or starting it again after a crash
 * - `mounted`: it can be read and written, and uploads go through
 * - `degraded`: it can be used, but something needs attention: uploads fail, nobody supervises it
 * - `draining`: it is being unmounted, and what waits is being uploaded
 * - `dead`: it should be there and is not, or its folder answers with errors
 * - `unmounted`: it was ended in order
 */
export const MountState = z.enum([
  'mounting',
  'mounted',
  'degraded',
  'draining',
  'dead',
  'unmounted',
]);
export type MountState = z.infer<typeof MountState>;

const Identity = z.object({ pid: z.int(), startedAt: z.string() });

/** The same as in rclone/rc-client.ts, which loads an HTTP client that `mount-status` does not need. */
const RcAddress = z.union([
  z.object({ socketPath: z.string() }),
  z.object({ port: z.number(), user: z.string(), password: z.string() }),
]);

const Problem = z.object({
  code: z.string(),
  message: z.string(),
  suggestions: z.array(z.string()),
  /** RFC 3339. */
  at: z.string(),
});
export type MountProblem = z.infer<typeof Problem>;

/** The state file of a mount. It holds no secret: whoever reads it learns names and pids. */
export const MountRecord = z.object({
  version: z.literal(1),
  id: z.string(),
  /** New for every start; a socket of an older start is recognised by it. */
  nonce: z.string(),
  context: z.string(),
  server: z.string(),
  tenant: z.object({ id: z.string(), slug: z.string() }),
  bucket: z.string(),
  /** The server's id of the keys that rclone was given. */
  credentialId: z.nullable(z.string()),
  credentialExpiresAt: z.nullable(z.string()),
  path: z.string(),
  profile: z.string(),
  /** What that profile was when it was mounted. */
  settings: MountProfile,
  readOnly: z.boolean(),
  /** The storage told of a change here, so that an event stream that is silent can be believed. */
  tells: z._default(z.boolean(), false),
  state: MountState,
  /** Since when it is in this state, RFC 3339. */
  since: z.string(),
  supervisor: z.nullable(Identity),
  /** Where the supervisor listens. */
  control: z.nullable(z.string()),
  rclone: z.nullable(
    z.object({
      ...Identity.shape,
      ...{ path: z.string(), version: z.string(), address: RcAddress },
      /** It reaches the storage through its supervisor, and not without. */
      viaGateway: z.boolean(),
    }),
  ),
  /** How it is mounted and why so. */
  adapter: z.nullable(z.object({ kind: z.enum(['fuse', 'nfs', 'winfsp']), reason: z.string() })),
  problem: z.nullable(Problem),
  /**
   * Since it was mounted: names in the bucket of files that a crash left without anybody knowing
   * whether they or the ones beside them are newer.
   */
  recovered: z._default(z.array(z.string()), []),
});
export type MountRecord = z.infer<typeof MountRecord>;

/** The record of a mount, or undefined when there is none or it cannot be understood. */
export function readRecord(places: Places, id: string): MountRecord | undefined {
  try {
    const text = readFileSync(mountFolders(places, id).record, 'utf8');
    const parsed = MountRecord.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** When its supervisor last showed that it lives, milliseconds since the epoch; 0 when never. */
export function lastBeat(places: Places, id: string): number {
  return statSync(mountFolders(places, id).record, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** All mounts that this account has ever had here, mounted or not, by id. */
export function listRecords(places: Places): MountRecord[] {
  let ids: string[];
  try {
    ids = readdirSync(mountsFolder(places), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
  return ids.flatMap((id) => readRecord(places, id) ?? []);
}

export async function writeRecord(places: Places, record: MountRecord): Promise<void> {
  const folders = mountFolders(places, record.id);
  await ensurePrivateFolder(folders.root);
  await writeFileAtomic(folders.record, `${JSON.stringify(record, null, 2)}\n`);
}

/** Whether the process that owns this mount lives. */
export function isSupervised(record: MountRecord): boolean {
  return record.supervisor !== null && isRunning(record.supervisor);
}

/** Whether its rclone lives, with or without a supervisor. */
export function isServed(record: MountRecord): boolean {
  return record.rclone !== null && isRunning(record.rclone);
}
