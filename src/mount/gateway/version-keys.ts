/** Where copies of what was overwritten or deleted through a mount lie in the bucket. */
export const VERSIONS_PREFIX = '.cloud-versions/';

/** Why a copy was made. */
export type VersionReason = 'replaced' | 'deleted';

export interface KeptVersion {
  /** The name that the file had. */
  path: string;
  /** When it was replaced or deleted, milliseconds since the epoch. */
  at: number;
  reason: VersionReason;
}

/** S3 ends a key at 1024 bytes; this leaves room for the prefix and the last segment. */
const PATH_BYTES = 940;

/**
 * `.cloud-versions/<path>/<time>.<reason>.<etag>`: all versions of a file, or of a folder, are one
 * listing, in order of time, and the last segment is ours whatever the path. The object keeps its
 * metadata, so the modification time of the file too. A path that leaves no room is cut, with a
 * hash at its end.
 */
export function versionKey(path: string, at: number, reason: VersionReason, etag: string): string {
  const time = new Date(at).toISOString().replaceAll(/[-:.]/g, '');
  const mark = digest(etag).slice(0, 8);
  return `${VERSIONS_PREFIX}${shortened(path)}/${time}.${reason}.${mark}`;
}

/** What a key of `versionKey` says; undefined for any other key. */
export function parseVersionKey(key: string): KeptVersion | undefined {
  const match =
    /^\.cloud-versions\/(.+)\/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z\.(replaced|deleted)\.[0-9a-f]{8}$/s.exec(
      key,
    );
  if (match === null) return undefined;
  const [, path = '', year, month, day, hour, minute, second, ms, reason] = match;
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
  return Number.isNaN(at) ? undefined : { path, at, reason: reason as VersionReason };
}

function shortened(path: string): string {
  if (Buffer.byteLength(path) <= PATH_BYTES) return path;
  const hash = digest(path).slice(0, 16);
  let short = path.slice(0, PATH_BYTES);
  while (Buffer.byteLength(short) > PATH_BYTES - 17) short = short.slice(0, -1);
  return `${short}~${hash}`;
}

/** Loaded here, because `mount-status` shows the prefix, needs no hash, and is to start at once. */
function digest(text: string): string {
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(text).digest('hex');
}
