import type { StreamItem } from '../api/event-stream.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../output/log.ts';
import { isInCache } from './cache-note.ts';
import { ChangedFolders } from './changed-folders.ts';
import type { MountRecord } from './record.ts';
import type { Vfs } from './vfs.ts';

/** The tenant's events as a session offers them: reconnecting, and silent about trouble. */
export type BucketChanges = (signal: AbortSignal) => AsyncIterable<StreamItem>;

/** - `events`: changes made elsewhere show at once; - `seconds`: within those of the profile */
export type FreshnessMode = 'events' | 'seconds';

export interface FreshnessOptions {
  clock: Clock;
  /** Those of the profile, where no events tell of a change. */
  seconds: number;
  changes: BucketChanges;
  /** Forgets these folders' listings in the mount's memory, or all of them. */
  forget: (folders: readonly string[] | 'all') => Promise<void>;
  /** Whether the storage answered when it was last asked. */
  canList: () => boolean;
  /** Whether the mount itself wrote, or knows already, the object with this ETag. */
  isKnown: (key: string, etag: string) => Promise<boolean>;
  onMode: (mode: FreshnessMode) => void;
  /** The server says that bucket keys ended or are about to, or does not answer any more. */
  onTrouble: () => void;
}

/** A burst is taken together: the first change is dealt with soon, the others by the second. */
const FIRST_MS = 50;
const NEXT_MS = 1000;

/**
 * Keeps the listings that a mount remembers fresh. While events come from the server, the folder of
 * each changed object is forgotten, and nothing else; so its listings may be remembered for long.
 * Without, everything is forgotten at the profile's pace.
 *
 * While the storage cannot be asked nothing is forgotten: an old listing is better than an error. It
 * is made up for when it answers again.
 *
 * A stream counts once it has brought a change that the storage told of: a server whose storage
 * notifies nobody offers a stream too, and it stays silent.
 */
export class Freshness {
  readonly #options: FreshnessOptions;
  readonly #changed = new ChangedFolders();
  #open = false;
  #proven = false;
  #wake: (() => void) | undefined;

  constructor(options: FreshnessOptions) {
    this.#options = options;
  }

  get mode(): FreshnessMode {
    return this.#open && this.#proven ? 'events' : 'seconds';
  }

  /** Until aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#follow(signal), this.#forgetByTime(signal), this.#flush(signal)]);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const before = this.mode;
    try {
      for await (const item of this.#options.changes(signal)) this.#take(item);
    } catch {
      // Not signed in, or the like: the profile's seconds it is.
    }
    this.#open = false;
    if (this.mode !== before) this.#options.onMode(this.mode);
  }

  #take(item: StreamItem): void {
    const before = this.mode;
    switch (item.type) {
      case 'open':
        this.#open = true;
        break;
      case 'closed':
        if (this.#open && item.reason !== 'cut') this.#options.onTrouble();
        this.#open = false;
        break;
      case 'gap':
        this.#changed.addAll();
        break;
      case 'event':
        this.#takeEvent(item.event);
    }
    if (this.mode !== before) {
      // What changed while nobody told of it. The other way round the profile's pace takes over.
      if (this.mode === 'events') this.#changed.addAll();
      this.#options.onMode(this.mode);
    }
    this.#wake?.();
  }

  #takeEvent(event: Extract<StreamItem, { type: 'event' }>['event']): void {
    switch (event.type) {
      case 'object-changed':
        if (event.source === 'storage') this.#proven = true;
        if (event.change === 'transition') return;
        // The storage does not tell which other key is gone.
        if (event.change === 'rename' && event.from === undefined) this.#changed.addAll();
        if (event.from !== undefined) this.#changed.add({ key: event.from, gone: true });
        this.#changed.add({ key: event.key, gone: event.change === 'delete', etag: event.etag });
        return;
      case 'sync-requested':
        this.#changed.addAll();
        return;
      case 'credential-revoked':
      case 'credential-expiring':
      case 'policy-changed':
        this.#options.onTrouble();
    }
  }

  async #flush(signal: AbortSignal): Promise<void> {
    const { clock, canList, isKnown } = this.#options;
    while (!signal.aborted) {
      if (this.#changed.isEmpty) await this.#woken(signal);
      await clock.sleep(FIRST_MS, signal).catch(() => undefined);
      const folders = canList() ? await this.#changed.take(isKnown) : [];
      if (folders === 'all' || folders.length > 0) await this.#forget(folders);
      await clock.sleep(NEXT_MS, signal).catch(() => undefined);
    }
  }

  #woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wake = undefined;
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
      if (signal.aborted || !this.#changed.isEmpty) wake();
    });
  }

  async #forgetByTime(signal: AbortSignal): Promise<void> {
    const { clock, canList, seconds } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(seconds * 1000, signal).catch(() => undefined);
      if (this.mode === 'seconds' && canList()) await this.#forget('all');
    }
  }

  /** An rclone that does not answer is another's business; the next one begins with nothing. */
  async #forget(folders: readonly string[] | 'all'): Promise<void> {
    await this.#options.forget(folders).catch(() => undefined);
  }
}

/** That of one mount, whose rclone may be another one tomorrow. */
export function freshnessOf(
  { bucket, settings }: Pick<MountRecord, 'bucket' | 'settings'>,
  mount: Pick<FreshnessOptions, 'clock' | 'changes' | 'canList' | 'onTrouble'> & {
    cache: string;
    log: Log;
    vfs: () => Vfs | undefined;
  },
): Freshness {
  const { clock, changes, canList, onTrouble, cache, log, vfs } = mount;
  return new Freshness({
    ...{ clock, changes, canList, onTrouble, seconds: settings.freshnessSeconds },
    forget: async (folders) => vfs()?.forget(folders),
    isKnown: (key, etag) => isInCache(cache, bucket, key, etag),
    onMode: (by) => log.write('info', 'freshness', { by }),
  });
}
