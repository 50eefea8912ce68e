import { stat } from 'node:fs/promises';
import { isErrno } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { rootIsAnother } from './marker.ts';
import type { Pair } from './pair.ts';
import { pathInside, type PathOptions } from './safe-path.ts';

/**
 * The folder that a run began with, by device and inode. The marker is read once, but a disk can be
 * unmounted at any moment: what is then under its mount point is another folder, and an empty one
 * looks as if everything had been deleted.
 */
export class SyncedRoot {
  readonly #pair: Pair;
  readonly #identity: string | undefined;

  readonly #platform: NodeJS.Platform;

  private constructor(pair: Pair, platform: NodeJS.Platform, identity: string | undefined) {
    this.#pair = pair;
    this.#platform = platform;
    this.#identity = identity;
  }

  /** Looks at the folder as it is now: before its marker is read. */
  static async open(pair: Pair, { platform }: Pick<Host, 'platform'>): Promise<SyncedRoot> {
    return new SyncedRoot(pair, platform, await identityOf(pair.root));
  }

  /** @throws AbortError `halted-marker-missing` (78) when another folder, or none, is there now */
  async check(): Promise<void> {
    const now = await identityOf(this.#pair.root);
    if (now === undefined || now !== this.#identity) {
      throw rootIsAnother(
        this.#pair,
        `Another folder, or none, is at ${this.#pair.root} since this run began`,
      );
    }
  }

  /** The absolute path of a key, as `pathInside`, in the folder that the run began with. */
  async pathOf(key: string, options: PathOptions = {}): Promise<string> {
    await this.check();
    return pathInside(this.#pair.root, key, { ...options, platform: this.#platform });
  }
}

async function identityOf(root: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(root, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ENOTCONN', 'EIO', 'ESTALE')) return undefined;
    throw error;
  }
}
