import { join } from 'node:path';
import type { Places } from '../platform/places.ts';
import type { BucketAccess } from '../session/bucket-access.ts';

/**
 * A mount is named after its bucket, not its folder: the cache of a bucket, with whatever still
 * waits to be uploaded, is found again when the bucket is mounted somewhere else.
 */
export function mountId(access: Pick<BucketAccess, 'server' | 'tenant' | 'bucket'>): string {
  const slug = access.tenant.slug.replace(/[^A-Za-z0-9-]/g, '-').slice(0, 40);
  // Loaded here, because `mount-status` needs this file and no hash, and is to start at once.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const digest = createHash('sha256')
    .update(`${access.server}\0${access.tenant.id}\0${access.bucket}`)
    .digest('hex');
  return `${slug}-${digest.slice(0, 10)}`;
}

/** Where one mount keeps its files. */
export interface MountFolders {
  /** State file, lock, log. */
  root: string;
  record: string;
  /** Held by the supervisor as long as it lives. */
  lock: string;
  /** What the supervisor and rclone say. */
  log: string;
  rcloneLog: string;
  /** An empty folder of our own, to mount what is left to upload after people's folder is gone. */
  drain: string;
  /** rclone's `--cache-dir`. */
  cache: string;
}

export function mountFolders(places: Places, id: string): MountFolders {
  const root = join(mountsFolder(places), id);
  return {
    root,
    record: join(root, 'mount.json'),
    lock: join(root, 'supervisor.lock'),
    log: join(root, 'supervisor.log'),
    rcloneLog: join(root, 'rclone.log'),
    drain: join(root, 'drain'),
    cache: join(places.cache, 'mounts', id),
  };
}

export function mountsFolder(places: Places): string {
  return join(places.state, 'mounts');
}
