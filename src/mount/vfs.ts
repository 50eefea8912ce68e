import * as z from 'zod/mini';
import type { MountOptions, VfsOptions } from '../rclone/mount-options.ts';
import type { RcCallOptions, RcClient } from '../rclone/rc-client.ts';

/** A file that is on this disk and not yet in the bucket. */
export interface QueuedUpload {
  id: number;
  name: string;
  /** Bytes. */
  size: number;
  /** Failed attempts so far. */
  tries: number;
  uploading: boolean;
  /** Seconds until it is due; negative when overdue. */
  expiry: number;
}

export interface VfsStats {
  uploadsInProgress: number;
  uploadsQueued: number;
  erroredFiles: number;
  outOfSpace: boolean;
  /** Bytes of the cache on this disk. */
  bytesUsed: number;
}

/** What is on its way now, and what went wrong last. */
export interface TransferStats {
  transferring: { name: string; bytes: number }[];
  lastError: string | undefined;
}

/** The calls of rclone's remote control that a mount needs, for one bucket. */
export interface Vfs {
  /** Reads nothing that exists: one listing request that shows whether the keys are accepted. */
  probe(options: RcCallOptions): Promise<void>;
  /** The object of this name, if there is one; its MD5 where the storage knows it. */
  md5(name: string): Promise<{ md5: string | undefined } | undefined>;
  /** Leaves out of every listing what is ours in the bucket; before mounting. */
  hideOwnFiles(): Promise<void>;
  mountTypes(): Promise<string[]>;
  mount(request: MountRequest): Promise<void>;
  unmount(path: string, options?: RcCallOptions): Promise<void>;
  mountPoints(): Promise<string[]>;
  queue(): Promise<QueuedUpload[]>;
  stats(): Promise<VfsStats>;
  transfers(): Promise<TransferStats>;
  /**
   * Has these folders listed anew when they are looked into next; `''` is the root. In place: the
   * folders stay what they were to programs that work in them, which those do not that rclone is
   * asked to forget altogether. Folders that it does not know do not matter.
   */
  forget(folders: readonly string[]): Promise<void>;
  /** Lets an upload begin now. One that has just begun or ended is no error. */
  expedite(id: number): Promise<void>;
}

export interface MountRequest {
  mountPoint: string;
  mountType: string;
  vfsOpt: VfsOptions;
  mountOpt: MountOptions;
}

/** The remote's name inside rclone; the cache's folders are called after it, so it never changes. */
export const REMOTE = 'cloud';

const FORGOTTEN_AT_ONCE = 1000;

const Anything = z.unknown();
const MountTypes = z.object({ mountTypes: z.array(z.string()) });
const MountPoints = z.object({ mountPoints: z.array(z.object({ MountPoint: z.string() })) });
const Stat = z.object({
  item: z.nullable(z.object({ Hashes: z.optional(z.object({ md5: z.optional(z.string()) })) })),
});
const Queue = z.object({
  queue: z.array(
    z.object({
      id: z.number(),
      name: z.string(),
      size: z.number(),
      tries: z.number(),
      uploading: z.boolean(),
      expiry: z.number(),
    }),
  ),
});
const Stats = z.object({
  diskCache: z.object({
    uploadsInProgress: z.number(),
    uploadsQueued: z.number(),
    erroredFiles: z.number(),
    outOfSpace: z.boolean(),
    bytesUsed: z.number(),
  }),
});
const Transfers = z.object({
  lastError: z.optional(z.string()),
  // Without `bytes` while rclone still hashes the file: minutes, for one of many gigabytes.
  transferring: z.optional(
    z.array(z.object({ name: z.string(), bytes: z._default(z.number(), 0) })),
  ),
});

/** `timeoutMs` bounds each call, so that a hanging rclone is noticed. */
export function openVfs(rc: RcClient, bucket: string, timeoutMs: number): Vfs {
  const fs = `${REMOTE}:${bucket}`;
  const ask = <T>(method: string, params: object, schema: z.ZodMiniType<T>): Promise<T> =>
    rc.call(method, { ...params }, schema, { timeoutMs });
  return {
    probe: async (options) => {
      const params = { fs, remote: '.cloud-probe', opt: { noModTime: true, noMimeType: true } };
      try {
        await rc.call('operations/list', params, Anything, options);
      } catch (error) {
        if (!(error instanceof Error && /directory not found/.test(error.message))) throw error;
      }
    },
    md5: async (name) => {
      const opt = { showHash: true, hashTypes: ['md5'], filesOnly: true };
      const { item } = await ask('operations/stat', { fs, remote: name, opt }, Stat);
      return item === null ? undefined : { md5: item.Hashes?.md5 };
    },
    hideOwnFiles: async () => {
      const FilterRule = ['- /.cloud-*', '- /.cloud-*/**'];
      await ask('options/set', { filter: { FilterRule } }, Anything);
    },
    mountTypes: async () => (await ask('mount/types', {}, MountTypes)).mountTypes,
    mount: async (request) => {
      await ask('mount/mount', { fs, ...request }, Anything);
    },
    unmount: async (path, options = { timeoutMs }) => {
      await rc.call('mount/unmount', { mountPoint: path }, Anything, options);
    },
    mountPoints: async () =>
      (await ask('mount/listmounts', {}, MountPoints)).mountPoints.map((each) => each.MountPoint),
    queue: async () => {
      const { queue } = await ask('vfs/queue', { fs }, Queue);
      // rclone counts the attempt under way, which has not failed.
      return queue.map((each) => (each.uploading ? { ...each, tries: each.tries - 1 } : each));
    },
    stats: async () => (await ask('vfs/stats', { fs }, Stats)).diskCache,
    transfers: async () => {
      const { transferring = [], lastError } = await ask('core/stats', {}, Transfers);
      return { transferring, lastError };
    },
    forget: async (folders) => {
      for (let from = 0; from < folders.length; from += FORGOTTEN_AT_ONCE) {
        // Forgetting a folder forgets all below it; a file, just the listing that it is in.
        const files = folders.slice(from, from + FORGOTTEN_AT_ONCE).map((folder, index) => {
          return [`file${index}`, folder === '' ? '.cloud-any' : `${folder}/.cloud-any`] as const;
        });
        await ask('vfs/forget', { fs, ...Object.fromEntries(files) }, Anything);
      }
    },
    expedite: async (id) => {
      try {
        await ask('vfs/queue-set-expiry', { fs, id, expiry: -1 }, Anything);
      } catch (error) {
        if (!(error instanceof Error && /not found in queue/.test(error.message))) throw error;
      }
    },
  };
}
