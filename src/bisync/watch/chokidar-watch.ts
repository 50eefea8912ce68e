import { watch, type FSWatcher } from 'chokidar';
import { watchLimit, type LocalChanges, type LocalChangesOptions } from './local-changes.ts';
import { keyBelow } from '../../platform/paths.ts';

/**
 * chokidar's watches, as macOS (FSEvents) and Windows (ReadDirectoryChangesW) have them for a whole
 * tree. Its quirks of those systems are known to many; on Linux `FolderWatches` needs a tenth of the
 * memory (docs/adr/0014-watching.md).
 */
export class ChokidarWatch implements LocalChanges {
  readonly #options: LocalChangesOptions;
  #watcher: FSWatcher | undefined;

  constructor(options: LocalChangesOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { root, ignores, onFailure } = this.#options;
    const watcher = watch(root, {
      ...{ ignoreInitial: true, followSymlinks: false, ignorePermissionErrors: true },
      // What waits for a file to settle, and knows what editors do, is the agenda.
      ...{ atomic: false, awaitWriteFinish: false },
      ignored: (path, stats) => {
        const inside = this.#inside(path);
        if (inside === '' || stats === undefined) return false;
        return ignores(inside, stats.isDirectory() ? 'folder' : 'file');
      },
    });
    this.#watcher = watcher;
    watcher.on('all', (event, path) => this.#event(event, this.#inside(path)));
    await new Promise<void>((resolve, reject) => {
      const fail = (error: unknown): void => reject(watchLimit(error) ?? (error as Error));
      watcher.once('error', fail);
      watcher.once('ready', () => {
        watcher.off('error', fail);
        watcher.on('error', (error) => onFailure(watchLimit(error) ?? error));
        resolve();
      });
    });
  }

  /** New folders are watched by themselves. */
  rescan(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#watcher?.close().catch((error: unknown) => this.#options.onFailure(error));
    this.#watcher = undefined;
  }

  #event(event: string, path: string): void {
    if (path === '' || event === 'addDir') return;
    if (event === 'unlinkDir') this.#options.onGone(path);
    else this.#options.onHint(path);
  }

  #inside(path: string): string {
    return keyBelow(this.#options.root, path) ?? '';
  }
}
