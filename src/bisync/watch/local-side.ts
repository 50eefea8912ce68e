import type { FSWatcher } from 'node:fs';
import type { Host } from '../../platform/host.ts';
import type { EntryKind } from '../filters/path-filter.ts';
import { surveyFolder, type Survey } from '../survey.ts';
import { FolderWatches } from './folder-watches.ts';
import { WatchLimitError, type LocalChanges, type LocalChangesOptions } from './local-changes.ts';
import { Polling } from './polling.ts';
import { ChokidarWatch } from './chokidar-watch.ts';
import { platformOf } from '../../platform/platform.ts';

interface LocalSideOptions {
  root: string;
  gitignore: boolean;
  onHint: (path: string) => void;
  onGone: (folder: string) => void;
  onLost: () => void;
  onFailure: (error: unknown) => void;
  /** How it watches from now on. */
  onMode: (mode: LocalMode) => void;
  /** Instead of the system's. */
  fsWatch?: ((path: string) => FSWatcher) | undefined;
}

export type LocalMode = { type: 'events' } | { type: 'polling'; notice: string; cure: string };

/** The local folder: what of it is synced, and what tells of changes in it. */
export class LocalSide {
  readonly #options: LocalSideOptions;
  readonly #host: Pick<Host, 'platform' | 'clock'>;
  #survey: Survey | undefined;
  #changes: LocalChanges | undefined;

  constructor(options: LocalSideOptions, host: Pick<Host, 'platform' | 'clock'>) {
    this.#options = options;
    this.#host = host;
  }

  /** What is synced, as of the last look. */
  get survey(): Pick<Survey, 'filter' | 'leftOut'> {
    if (this.#survey === undefined) throw new Error('not started');
    return this.#survey;
  }

  /** Nothing that happens after it is missed. @throws AbortError `filters-unreadable` (78) */
  async start(): Promise<void> {
    await this.#look();
    await this.#watch();
  }

  /** After the rules, or folders unseen, may have changed. @throws AbortError as `start` */
  async refresh(): Promise<void> {
    await this.#look();
    if (this.#changes instanceof Polling) {
      // Somebody may have raised the limit, or closed what took all of it.
      await this.#watch();
      return;
    }
    try {
      await this.#changes?.rescan();
    } catch (error) {
      if (!(error instanceof WatchLimitError)) throw error;
      await this.#poll(error);
    }
  }

  close(): void {
    this.#changes?.close();
  }

  async #look(): Promise<void> {
    const { root, gitignore } = this.#options;
    this.#survey = await surveyFolder(root, { tryToRead: false, gitignore });
  }

  async #watch(): Promise<void> {
    const native = platformOf(this.#host.platform).watchesTrees
      ? new ChokidarWatch(this.#forChanges())
      : new FolderWatches(this.#forChanges(), this.#options.fsWatch);
    try {
      await native.start();
    } catch (error) {
      native.close();
      if (!(error instanceof WatchLimitError)) throw error;
      if (!(this.#changes instanceof Polling)) await this.#poll(error);
      return;
    }
    this.#changes?.close();
    this.#changes = native;
    this.#options.onMode({ type: 'events' });
  }

  async #poll(error: WatchLimitError): Promise<void> {
    this.#changes?.close();
    const polling = new Polling(this.#forChanges(), this.#host.clock);
    this.#changes = polling;
    await polling.start();
    const { limit } = error;
    const notice = `The system has no more inotify watches (${limit}): the folder is looked through instead, which takes seconds.`;
    this.#options.onMode({ type: 'polling', notice, cure: 'cloud doctor' });
  }

  #forChanges(): LocalChangesOptions {
    const { root, onHint, onGone, onLost, onFailure } = this.#options;
    return {
      ...{ root, onHint, onGone, onLost },
      ignores: (path: string, kind: EntryKind) => this.survey.filter.ignores(path, kind),
      onFailure: (error) => {
        if (error instanceof WatchLimitError) this.#poll(error).catch(onFailure);
        else onFailure(error);
      },
    };
  }
}
