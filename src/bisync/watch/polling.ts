import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../../platform/atomic-file.ts';
import type { Clock } from '../../platform/clock.ts';
import { below, type LocalChanges, type LocalChangesOptions } from './local-changes.ts';

/** Between two looks; longer where a look takes long, so that it costs a twentieth of the time. */
const PAUSE_MS = 2000;
const SHARE = 20;

/** Looks at each file's size and time again and again, where the system has no watches left. */
export class Polling implements LocalChanges {
  readonly #options: LocalChangesOptions;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #seen = new Map<string, string>();

  constructor(options: LocalChangesOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    this.#seen = await this.#look();
    this.#goOn().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#options.onFailure(error);
    });
  }

  rescan(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#stop.abort();
  }

  async #goOn(): Promise<void> {
    let took = 0;
    for (;;) {
      await this.#clock.sleep(Math.max(PAUSE_MS, took * SHARE), this.#stop.signal);
      const before = this.#clock.now();
      const now = await this.#look();
      took = this.#clock.now() - before;
      for (const [path, state] of now) {
        if (this.#seen.get(path) !== state) this.#options.onHint(path);
        this.#seen.delete(path);
      }
      for (const path of this.#seen.keys()) this.#options.onHint(path);
      this.#seen = now;
    }
  }

  async #look(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    await this.#lookBelow('', found);
    return found;
  }

  async #lookBelow(folder: string, found: Map<string, string>): Promise<void> {
    const { root, ignores } = this.#options;
    const entries = await ifThere(() => readdir(join(root, folder), { withFileTypes: true }));
    for (const entry of entries ?? []) {
      if (this.#stop.signal.aborted) return;
      const path = below(folder, entry.name);
      if (entry.isDirectory()) {
        if (!ignores(path, 'folder')) await this.#lookBelow(path, found);
      } else if (entry.isFile() && !ignores(path, 'file')) {
        const stat = await ifThere(() => lstat(join(root, path)));
        if (stat !== undefined) found.set(path, `${stat.size}:${stat.mtimeMs}:${stat.ino}`);
      }
    }
  }
}

async function ifThere<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EIO')) return undefined;
    throw error;
  }
}
