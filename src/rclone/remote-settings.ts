import { isIP } from 'node:net';

/** Where a bucket lives, as the server said when it issued the keys. */
export interface S3Location {
  endpoint: string;
  region: string;
}

/**
 * rclone's settings for one S3 remote, without keys. rclone knows no Tigris provider; `AWS` would
 * turn on data-integrity trailers. A scoped key may not look whether the bucket exists.
 */
export function remoteSettings(location: S3Location): Record<string, string> {
  return {
    type: 's3',
    provider: 'Other',
    endpoint: location.endpoint,
    region: location.region,
    force_path_style: String(needsPathStyle(location.endpoint)),
    list_version: '2',
    no_check_bucket: 'true',
    encoding: 'Slash,InvalidUtf8',
  };
}

/** `bucket.127.0.0.1` names no host, and `bucket.localhost` is not resolved everywhere. */
function needsPathStyle(endpoint: string): boolean {
  const host = new URL(endpoint).hostname.replace(/^\[|\]$/g, '');
  return isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost');
}
