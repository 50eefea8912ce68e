import type { Host } from '../platform/host.ts';
import { askControl } from '../control/control.ts';
import { mountFolders } from './identity.ts';
import { LiveStatus } from './live.ts';
import { findMount, readMountTable, type MountEntry } from './mount-table.ts';
import { scanPending } from './pending.ts';
import {
  isServed,
  isSupervised,
  lastBeat,
  listRecords,
  type MountProblem,
  type MountRecord,
  type MountState,
} from './record.ts';
import { platformOf } from '../platform/platform.ts';

export interface MountStatus {
  id: string;
  tenant: string;
  bucket: string;
  path: string;
  profile: string;
  readOnly: boolean;
  state: MountState;
  /** RFC 3339. */
  since: string;
  /** After how many seconds at most a change made elsewhere shows; null when not mounted. */
  freshnessSeconds: number | null;
  /** `events`: now they show at once, because the server tells of them; null when not mounted. */
  freshness: 'events' | 'seconds' | null;
  /** For how many days a copy of what is overwritten or deleted is kept; 0: none is. */
  versionDays: number;
  /** What is on this disk and not in the bucket. */
  pending: PendingStatus;
  /** Bytes of the cache on this disk, where somebody knows. */
  cacheBytes: number | null;
  rclone: { version: string; pid: number } | null;
  supervisor: { pid: number } | null;
  adapter: { kind: string; reason: string } | null;
  credentialExpiresAt: string | null;
  problem: MountProblem | null;
  /** Since it was mounted: files kept beside others after a crash, because nobody can tell which are newer. */
  recovered: readonly string[];
}

export interface PendingStatus {
  files: { name: string; size: number; uploading: boolean; tries: number }[];
  bytes: number;
  uploading: number;
  failed: number;
  /** False when there was no time to look at all of the cache. */
  complete: boolean;
}

/** How long each source is asked, in milliseconds; together well under a second. */
const CONTROL_WITHIN_MS = 600;
const SCAN_WITHIN_MS = 250;
/** How long rclone may owe an answer, and the supervisor a sign of life, in milliseconds. */
const HANGS_AFTER_MS = 2000;
const BEAT_WITHIN_MS = 30_000;

/**
 * How every mount of this account is. Offline; reads our own files and the system's list of
 * mounts, asks the supervisors, and never looks into a mounted folder, so it cannot hang.
 */
export async function mountStatus(host: Host): Promise<MountStatus[]> {
  const records = listRecords(host.places);
  if (records.length === 0) return [];
  const table = await readMountTable(host.platform).catch((): MountEntry[] => []);
  return Promise.all(records.map((record) => statusOf(host, record, table)));
}

async function statusOf(
  host: Host,
  record: MountRecord,
  table: readonly MountEntry[],
): Promise<MountStatus> {
  const live = isSupervised(record) ? await askLive(record) : undefined;
  const listed = !platformOf(host.platform).unix || findMount(table, record.path) !== undefined;
  const { state, problem } = judge(host, record, live, listed);
  const { rclone, supervisor } = record;
  const inUse = state === 'mounted' || state === 'degraded';
  return {
    ...pick(record),
    tenant: record.tenant.slug,
    ...{ state, problem },
    freshnessSeconds: inUse ? record.settings.freshnessSeconds : null,
    versionDays: record.readOnly ? 0 : record.settings.versionDays,
    freshness: inUse ? (live?.freshness ?? 'seconds') : null,
    pending: live?.answers === true ? ofQueue(live) : ofCache(host, record),
    cacheBytes: live?.cacheBytes ?? null,
    rclone: rclone !== null && isServed(record) ? pickRclone(rclone) : null,
    supervisor: supervisor !== null && isSupervised(record) ? { pid: supervisor.pid } : null,
  };
}

type Picked =
  'id' | 'bucket' | 'path' | 'profile' | 'readOnly' | 'since' | 'credentialExpiresAt' | 'recovered';

function pick(record: MountRecord): Pick<MountRecord, Picked | 'adapter'> {
  const { id, bucket, path, profile, readOnly, since, adapter, recovered } = record;
  const { credentialExpiresAt } = record;
  return { id, bucket, path, profile, readOnly, since, credentialExpiresAt, adapter, recovered };
}

function pickRclone({ version, pid }: { version: string; pid: number }): MountStatus['rclone'] {
  return { version, pid };
}

async function askLive({ control, nonce }: MountRecord): Promise<LiveStatus | undefined> {
  if (control === null) return undefined;
  try {
    const options = { silenceMs: CONTROL_WITHIN_MS };
    return LiveStatus.parse(await askControl(control, { type: 'status', nonce }, options));
  } catch {
    return undefined;
  }
}

/** What the record says, corrected by what can be seen. */
function judge(
  host: Host,
  record: MountRecord,
  live: LiveStatus | undefined,
  listed: boolean,
): { state: MountState; problem: MountProblem | null } {
  const problem = (code: string, message: string, ...suggestions: string[]): MountProblem => ({
    ...{ code, message, suggestions },
    at: new Date(host.clock.now()).toISOString(),
  });
  if (isSupervised(record)) {
    if (record.state !== 'mounted') return record;
    // On a machine under load an answer may be late; that is no hang.
    const hangs =
      live === undefined
        ? host.clock.now() - lastBeat(host.places, record.id) > BEAT_WITHIN_MS
        : !live.answers && live.silentMs > HANGS_AFTER_MS;
    if (!hangs) return record;
    const message = live === undefined ? 'Its supervisor' : 'rclone';
    const cure = `cloud unmount --force ${record.path}   (what waits stays on this disk)`;
    return {
      state: 'degraded',
      problem: problem('mount-hangs', `${message} does not answer.`, cure),
    };
  }
  if (record.state === 'unmounted') return record;
  if (listed && isServed(record)) {
    const alone = 'The process that looks after the folder has died.';
    const message = record.rclone?.viaGateway
      ? `${alone} What is here can be read; what is saved waits.`
      : `${alone} It can be used.`;
    const how = record.rclone?.viaGateway ? 'mounts it again' : 'takes it over uninterrupted';
    const cure = `cloud mount   (${how})`;
    return { state: 'degraded', problem: problem('unsupervised', message, cure) };
  }
  const cures = ['cloud mount   (mounts again and uploads what waits)', 'cloud unmount'];
  const died = problem('mount-died', 'What served the folder has died.', ...cures);
  return { state: 'dead', problem: record.problem ?? died };
}

function ofQueue({ pending }: LiveStatus): PendingStatus {
  return {
    files: pending,
    bytes: pending.reduce((sum, { size }) => sum + size, 0),
    uploading: pending.filter(({ uploading }) => uploading).length,
    failed: pending.filter(({ tries }) => tries > 0).length,
    complete: true,
  };
}

function ofCache(host: Host, record: MountRecord): PendingStatus {
  const { cache } = mountFolders(host.places, record.id);
  const { files, bytes, complete } = scanPending(cache, record.bucket, SCAN_WITHIN_MS);
  return {
    files: files.map((file) => ({ ...file, uploading: false, tries: 0 })),
    ...{ bytes, complete, uploading: 0, failed: 0 },
  };
}
