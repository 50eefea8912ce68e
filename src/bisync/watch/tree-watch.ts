import { watch, type FSWatcher } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { isErrno } from '../../platform/atomic-file.ts';
import { below, watchLimit, type LocalChanges, type LocalChangesOptions } from './local-changes.ts';

/**
 * One watch for the whole tree, as macOS (FSEvents) and Windows (ReadDirectoryChangesW) have it. What
 * a folder holds that was moved in is told of by nobody else, so it is read.
 */
export class TreeWatch implements LocalChanges {
  readonly #options: LocalChangesOptions;
  #watcher: FSWatcher | undefined;

  constructor(options: LocalChangesOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    try {
      this.#watcher = watch(this.#options.root, { recursive: true });
    } catch (error) {
      return Promise.reject(watchLimit(error) ?? (error as Error));
    }
    this.#watcher.on('error', (error) => this.#options.onFailure(error));
    this.#watcher.on('change', (type: string, name: string | Buffer | null) => {
      // Windows says so when its buffer was too small; the types do not know.
      if (name === null) this.#options.onLost();
      else this.#event(type, name.toString().split(sep).join('/'));
    });
    return Promise.resolve();
  }

  /** The system watches new folders by itself. */
  rescan(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #event(type: string, path: string): void {
    this.#options.onHint(path);
    if (type === 'rename') {
      this.#tellBelow(path).catch((error: unknown) => this.#options.onFailure(error));
    }
  }

  async #tellBelow(path: string): Promise<void> {
    const { root, ignores, onHint } = this.#options;
    if (this.#watcher === undefined || ignores(path, 'folder')) return;
    try {
      if (!(await lstat(join(root, path))).isDirectory()) return;
      for (const entry of await readdir(join(root, path), { withFileTypes: true })) {
        const inner = below(path, entry.name);
        if (entry.isDirectory()) await this.#tellBelow(inner);
        else onHint(inner);
      }
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EIO')) throw error;
    }
  }
}
