import { ExitCode } from '../output/exit-codes.ts';
import { count, formatBytes, formatDuration } from '../output/format.ts';
import type { Output } from '../output/output.ts';
import { formatFields } from '../output/table.ts';
import type { DrainProgress } from './drain.ts';
import { VERSIONS_PREFIX } from './gateway/version-keys.ts';
import { describeOpen } from './open-files.ts';
import type { MountRecord } from './record.ts';
import type { MountStatus } from './status.ts';
import type { StartStep } from './start.ts';
import type { UnmountResult } from './unmount.ts';

const SHOWN = 10;

/** What `cloud mount --json` prints: the record without what only processes need. */
export function mountedResult(record: MountRecord): Record<string, unknown> {
  const { id, tenant, bucket, path, profile, readOnly, state, adapter, supervisor } = record;
  return {
    ...{ id, tenant: tenant.slug, bucket, path, profile, readOnly, state, adapter },
    pid: supervisor?.pid ?? null,
  };
}

export function presentMounted({ bucket, path, profile, readOnly }: MountRecord): string {
  const how = readOnly ? `${profile}, read-only` : profile;
  return `${bucket} is mounted at ${path} (${how}).`;
}

export function describeStep(step: StartStep): string {
  switch (step) {
    case 'checking':
      return 'Checking the keys with the storage …';
    case 'mounting':
      return 'Mounting …';
    case 'adopted':
      return 'It was still mounted, without supervision; taken over without interrupting it.';
  }
}

export function presentUnmounted({ path, kept, open }: UnmountResult, out: Output): string {
  const lost = [...new Set(open.map((file) => `  ${describeOpen(file, path)}`))];
  const interrupted =
    lost.length === 0
      ? []
      : [out.style('yellow', 'In use meanwhile; what was not saved in these is lost:'), ...lost];
  if (kept.files.length === 0) {
    return [`${path} is unmounted; everything is in the bucket.`, ...interrupted].join('\n');
  }
  const files = count(kept.files.length, 'file');
  return [
    `${path} is unmounted.`,
    out.style(
      'yellow',
      `${files} (${formatBytes(kept.bytes)}) not uploaded yet, kept on this disk; ` +
        'the next cloud mount uploads them:',
    ),
    ...nameList(kept.files),
    ...interrupted,
  ].join('\n');
}

/** Files that stay on this disk are no failure, but a script should know of them. */
export function exitCodeOf({ kept }: UnmountResult): ExitCode {
  return kept.files.length === 0 ? ExitCode.ok : ExitCode.incomplete;
}

export function describeDrain({ pending, bytesLeft }: DrainProgress): string {
  if (pending.length === 0) return 'Everything is uploaded.';
  const [first] = pending;
  const failing = pending.some(({ tries }) => tries > 0) ? ', some failed and are tried again' : '';
  return `Uploading ${count(pending.length, 'file')} (${formatBytes(bytesLeft)} left${failing}): ${first?.name ?? ''} …`;
}

export function presentStatus(mounts: readonly MountStatus[], out: Output, now: number): string {
  if (mounts.length === 0) return 'Nothing is mounted. `cloud mount` mounts your bucket.';
  return mounts.map((mount) => presentOne(mount, out, now)).join('\n\n');
}

function presentOne(mount: MountStatus, out: Output, now: number): string {
  const since = formatDuration(Math.max(0, now - Date.parse(mount.since)));
  const { problem, rclone, adapter } = mount;
  const color = mount.state === 'mounted' ? 'green' : mount.state === 'dead' ? 'red' : 'yellow';
  const lines = formatFields([
    [
      'State',
      `${out.style(color, mount.state)} for ${since}${mount.readOnly ? ', read-only' : ''}`,
    ],
    ['Folder', mount.path],
    ['Bucket', `${mount.bucket} (${mount.tenant})`],
    ['Profile', mount.profile],
    ['Freshness', freshnessText(mount)],
    ['Uploads', uploadsText(mount)],
    ['Cache', mount.cacheBytes === null ? undefined : formatBytes(mount.cacheBytes)],
    ['rclone', rclone === null ? undefined : `${rclone.version}, process ${rclone.pid}`],
    ['Copies kept', copiesText(mount, out)],
    ['Mounted by', out.options.verbose ? adapter?.reason : undefined],
    ['Keys expire', mount.credentialExpiresAt],
    ['Problem', problem?.message],
    ['What to do', problem?.suggestions.join('; ')],
    ['Recovered', recoveredText(mount)],
  ]);
  const waiting = mount.pending.files;
  return waiting.length === 0 ? lines : [lines, ...nameList(waiting)].join('\n');
}

function freshnessText({ freshness, freshnessSeconds }: MountStatus): string | undefined {
  if (freshness === null) return undefined;
  return freshness === 'events'
    ? 'by events: changes made elsewhere show at once'
    : `changes made elsewhere show within ${freshnessSeconds ?? '?'} s`;
}

function recoveredText({ recovered }: MountStatus): string | undefined {
  if (recovered.length === 0) return undefined;
  const [first] = recovered;
  const more = recovered.length > 1 ? ` and ${count(recovered.length - 1, 'other')}` : '';
  return `kept beside the file it may be newer than, after a crash: ${first ?? ''}${more}`;
}

function copiesText({ versionDays }: MountStatus, out: Output): string | undefined {
  if (versionDays === 0) return undefined;
  const text = `of what is overwritten or deleted here, for ${count(versionDays, 'day')}`;
  return out.options.verbose ? `${text}, in the bucket under ${VERSIONS_PREFIX}` : text;
}

function uploadsText({ pending, state }: MountStatus): string {
  const { files, bytes, uploading, failed, complete } = pending;
  if (files.length === 0) return complete ? 'none waiting' : 'unknown: the cache is large';
  const when = state === 'unmounted' || state === 'dead' ? ', by the next cloud mount' : '';
  const parts = [
    `${complete ? '' : 'at least '}${count(files.length, 'file')} (${formatBytes(bytes)}) waiting${when}`,
    ...(uploading > 0 ? [`${uploading} under way`] : []),
    ...(failed > 0 ? [`${failed} failed and tried again`] : []),
  ];
  return parts.join(', ');
}

interface NamedFile {
  name: string;
  size: number;
  uploading?: boolean;
  tries?: number;
}

function nameList(files: readonly NamedFile[]): string[] {
  const shown = files.slice(0, SHOWN).map(({ name, size, uploading = false, tries = 0 }) => {
    const how = [
      formatBytes(size),
      ...(uploading ? ['under way'] : []),
      ...(tries > 0 ? [`failed ${count(tries, 'time')}`] : []),
    ];
    return `  ${name} (${how.join(', ')})`;
  });
  const rest = files.length - shown.length;
  return rest > 0 ? [...shown, `  and ${rest.toLocaleString('en-US')} more`] : shown;
}
