import { watch, type FSWatcher } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isErrno } from '../../platform/atomic-file.ts';
import { entriesIfReadable } from '../../platform/folder-entries.ts';
import { below, watchLimit, type LocalChanges, type LocalChangesOptions } from './local-changes.ts';

interface Watched {
  watcher: FSWatcher;
  identity: string;
}

/** The kernel's queue (fs.inotify.max_queued_events); what comes beyond it is dropped, untold. */
const QUEUE = 16_384;
const WINDOW_MS = 1000;

/**
 * One inotify watch per folder, through `fs.watch`, and nothing remembered per file
 * (docs/adr/0014-watching.md). A new folder is watched before it is read, so that of what appears in
 * it while it is set up nothing is missed.
 */
export class FolderWatches implements LocalChanges {
  readonly #options: LocalChangesOptions;
  readonly #fsWatch: (path: string) => FSWatcher;
  readonly #folders = new Map<string, Watched>();
  /** One look at the tree at a time: folders come and go while they are being looked at. */
  #looking: Promise<void> = Promise.resolve();
  #closed = false;
  #recent = { since: 0, events: 0 };

  constructor(options: LocalChangesOptions, fsWatch: (path: string) => FSWatcher = watch) {
    this.#options = options;
    this.#fsWatch = fsWatch;
  }

  get size(): number {
    return this.#folders.size;
  }

  start(): Promise<void> {
    return this.#next(() => this.#add('', { tell: false }));
  }

  rescan(): Promise<void> {
    return this.#next(async () => {
      for (const folder of [...this.#folders.keys()]) {
        if (folder !== '' && this.#options.ignores(folder, 'folder')) this.#drop(folder);
      }
      await this.#add('', { tell: true });
    });
  }

  close(): void {
    this.#closed = true;
    for (const { watcher } of this.#folders.values()) watcher.close();
    this.#folders.clear();
  }

  #next(look: () => Promise<void>): Promise<void> {
    const looked = this.#looking.then(async () => {
      if (!this.#closed) await look();
    });
    this.#looking = looked.catch(() => undefined);
    return looked;
  }

  /**
   * Watches a folder and all below it. Of one that is watched already only its folders are looked at.
   *
   * @param tell whether the files of folders that are new are told of
   */
  async #add(folder: string, { tell }: { tell: boolean }): Promise<void> {
    const identity = await this.#identityOf(folder);
    if (identity === undefined) {
      this.#drop(folder);
      return;
    }
    const known = this.#folders.get(folder);
    const isNew = known?.identity !== identity;
    // Another folder with the name of one that was moved: the old watch went along with the old one.
    if (known !== undefined && isNew) this.#drop(folder);
    if (isNew && !this.#watch(folder, identity)) return;
    for (const entry of await entriesIfReadable(join(this.#options.root, folder))) {
      if (this.#closed) return;
      const path = below(folder, entry.name);
      if (entry.isDirectory()) {
        if (!this.#options.ignores(path, 'folder')) await this.#add(path, { tell });
      } else if (isNew && tell) this.#options.onHint(path);
    }
  }

  /** @returns false for a folder that went or that may not be read */
  #watch(folder: string, identity: string): boolean {
    try {
      const watcher = this.#fsWatch(join(this.#options.root, folder));
      watcher.on('change', (type, name) => this.#event(folder, type, name));
      watcher.on('error', () => this.#options.onLost());
      this.#folders.set(folder, { watcher, identity });
      return true;
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return false;
      throw watchLimit(error) ?? error;
    }
  }

  #event(folder: string, type: string, name: string | Buffer | null): void {
    if (this.#closed) return;
    this.#count();
    if (name === null) {
      this.#options.onLost();
      return;
    }
    const path = below(folder, name.toString());
    this.#options.onHint(path);
    if (type !== 'rename') return;
    // As inotify says that the watched folder itself went.
    const own = folder === '' ? this.#options.root : folder;
    const mayBeItself = name.toString() === basename(own);
    const look = async (): Promise<void> => {
      // It came or went, and may be a folder.
      await this.#look(path);
      if (!mayBeItself) return;
      // What has the place of the root by now is a comparison's to judge, which halts before a wrong folder.
      if (folder === '') await this.#lookAtRoot();
      else {
        // A new one may have its name by now, and even its inode, but not its watch.
        this.#drop(folder);
        await this.#look(folder);
      }
    };
    this.#next(look).catch((error: unknown) => this.#options.onFailure(error));
  }

  async #lookAtRoot(): Promise<void> {
    const identity = await this.#identityOf('');
    if (identity === undefined || identity !== this.#folders.get('')?.identity) {
      this.#options.onLost();
    }
  }

  async #look(path: string): Promise<void> {
    if ((await this.#identityOf(path)) === undefined) {
      if (this.#drop(path)) this.#options.onGone(path);
    } else if (!this.#options.ignores(path, 'folder')) await this.#add(path, { tell: true });
  }

  /** @returns whether it was watched */
  #drop(folder: string): boolean {
    const known = this.#folders.get(folder);
    if (known === undefined) return false;
    known.watcher.close();
    this.#folders.delete(folder);
    const inside = folder === '' ? '' : `${folder}/`;
    for (const [path, { watcher }] of this.#folders) {
      if (!path.startsWith(inside)) continue;
      watcher.close();
      this.#folders.delete(path);
    }
    return true;
  }

  /** Node does not tell that the queue has overflown; as many events in so short a time do. */
  #count(): void {
    const now = performance.now();
    if (now - this.#recent.since > WINDOW_MS) this.#recent = { since: now, events: 0 };
    this.#recent.events += 1;
    if (this.#recent.events === QUEUE) this.#options.onLost();
  }

  /** Undefined for what is no folder. */
  async #identityOf(path: string): Promise<string | undefined> {
    try {
      const entry = await lstat(join(this.#options.root, path));
      // The root itself may be a mount point, never a symlink: pairs are opened by their real path.
      return entry.isDirectory() ? `${entry.ino}:${entry.birthtimeMs}` : undefined;
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG')) {
        return undefined;
      }
      throw error;
    }
  }
}
