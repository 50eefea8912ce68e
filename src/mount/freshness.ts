import type { StreamItem } from '../api/event-stream.ts';
import type { Log } from '../output/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { ListedObject } from '../s3/list.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import { BucketDigests } from './bucket-digests.ts';
import { isInCache } from './cache-note.ts';
import { ChangedFolders, foldersAbove } from './changed-folders.ts';
import type { RecordKeeper } from './record-keeper.ts';
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
  /** All objects of the bucket, in the order of their keys. */
  list: (signal: AbortSignal) => AsyncIterable<ListedObject>;
  /** Has these folders listed anew when they are looked into next. */
  forget: (folders: readonly string[]) => Promise<void>;
  /** Whether there is a mount that can remember anything. */
  isServed: () => boolean;
  /** Whether the storage answered when it was last asked. */
  canList: () => boolean;
  /** Whether the mount itself wrote, or knows already, the object with this ETag. */
  isKnown: (key: string, etag: string) => Promise<boolean>;
  /** Whether this storage is known to tell of changes, and who hears that it does, or does not. */
  tells: boolean;
  onTells: (tells: boolean) => void;
  onMode: (mode: FreshnessMode) => void;
  /** The server says that bucket keys ended or are about to, or does not answer any more. */
  onTrouble: () => void;
}

/** A burst is taken together: the first change is dealt with soon, the others by the second. */
const FIRST_MS = 50;
const NEXT_MS = 1000;
/** Without events a listing request a second at most, in the long run. */
const REQUEST_EVERY_MS = 1000;
const OBJECTS_A_REQUEST = 1000;
/** With events: how often it is seen whether they tell everything. */
const RECONCILE_EVERY_MS = 3_600_000;

/**
 * Keeps the listings that a mount remembers fresh, so that they may be remembered for long. While
 * events come from the server, the folder of each changed object is listed anew, and nothing else.
 * Without, the whole bucket is listed at the profile's pace, and folders that changed are listed anew.
 * Of a bucket so large that this takes longer, all folders known are, at that pace.
 *
 * While the storage cannot be asked nothing is forgotten: an old listing is better than an error. It
 * is made up for when it answers again.
 *
 * A stream counts once it has brought a change that the storage told of: a server whose storage
 * notifies nobody offers a stream too, and it stays silent. That is remembered until a look finds
 * changes that no event told of.
 */
export class Freshness {
  readonly #options: FreshnessOptions;
  readonly #changed = new ChangedFolders();
  readonly #digests = new BucketDigests();
  /** The last look at all of the bucket; before the first, when this began. */
  #looked: { at: number; objects: number | undefined };
  /** Folders that events told of since the last look. */
  #told = new Set<string>();
  #open = false;
  #tells: boolean;
  #wake: (() => void) | undefined;

  constructor(options: FreshnessOptions) {
    this.#options = options;
    this.#tells = options.tells;
    this.#looked = { at: options.clock.now(), objects: undefined };
  }

  get mode(): FreshnessMode {
    return this.#open && this.#tells ? 'events' : 'seconds';
  }

  /** Until aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#follow(signal), this.#lookByTime(signal), this.#flush(signal)]);
  }

  /** Something may have changed without anybody telling: the whole bucket is looked at soon. */
  doubt(): void {
    if (this.#options.isServed()) this.#changed.addAll();
    this.#wake?.();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    try {
      for await (const item of this.#options.changes(signal)) {
        this.#changeMode(() => this.#take(item));
        this.#wake?.();
      }
    } catch {
      // Not signed in, or the like: the profile's seconds it is.
    }
    this.#changeMode(() => (this.#open = false));
  }

  #changeMode(change: () => void): void {
    const { mode } = this;
    change();
    if (this.mode !== mode) this.#options.onMode(this.mode);
  }

  #take(item: StreamItem): void {
    switch (item.type) {
      case 'open':
        this.#open = true;
        return;
      case 'closed':
        if (this.#open && item.reason !== 'cut') this.#options.onTrouble();
        this.#open = false;
        return;
      case 'gap':
        this.doubt();
        return;
      case 'event':
        this.#takeEvent(item.event);
    }
  }

  #takeEvent(event: Extract<StreamItem, { type: 'event' }>['event']): void {
    switch (event.type) {
      case 'object-changed':
        if (event.source === 'storage') this.#believe(true);
        if (event.change === 'transition') return;
        for (const folder of foldersAbove(event.key)) this.#told.add(folder);
        for (const folder of foldersAbove(event.from ?? '')) this.#told.add(folder);
        // The storage does not tell which other key is gone.
        if (event.change === 'rename' && event.from === undefined) this.doubt();
        if (event.from !== undefined) this.#changed.add({ key: event.from, gone: true });
        this.#changed.add({ key: event.key, gone: event.change === 'delete', etag: event.etag });
        return;
      case 'sync-requested':
        this.doubt();
        return;
      case 'credential-revoked':
      case 'credential-expiring':
      case 'policy-changed':
        this.#options.onTrouble();
    }
  }

  #believe(tells: boolean): void {
    if (this.#tells === tells) return;
    this.#tells = tells;
    this.#options.onTells(tells);
  }

  async #flush(signal: AbortSignal): Promise<void> {
    const { clock, canList, isKnown, seconds } = this.#options;
    while (!signal.aborted) {
      if (this.#changed.isEmpty) {
        await this.#woken(signal);
        continue;
      }
      await clock.sleep(FIRST_MS, signal).catch(() => undefined);
      const folders = canList() ? await this.#changed.take(isKnown) : [];
      const changed = folders === 'all' ? (await this.#look(signal))?.changed : folders;
      if (changed === undefined) this.#changed.addAll();
      else await this.#forget(changed);
      const pauseMs = changed === undefined ? seconds * 1000 : NEXT_MS;
      await clock.sleep(pauseMs, signal).catch(() => undefined);
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

  async #lookByTime(signal: AbortSignal): Promise<void> {
    const { clock, canList, isServed, seconds } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(seconds * 1000, signal).catch(() => undefined);
      if (!isServed() || !canList()) continue;
      const sinceMs = clock.now() - this.#looked.at;
      if (this.mode === 'events') {
        if (sinceMs >= RECONCILE_EVERY_MS) await this.#reconcile(signal);
      } else if (sinceMs >= this.#pauseMs) {
        await this.#forget((await this.#look(signal))?.changed ?? []);
      } else {
        await this.#forget(this.#digests.folders);
      }
    }
  }

  /** Between two looks; none where a look is one request. */
  get #pauseMs(): number {
    return Math.floor((this.#looked.objects ?? 0) / OBJECTS_A_REQUEST) * REQUEST_EVERY_MS;
  }

  /** Finds what events did not tell of; then they are not believed any more. */
  async #reconcile(signal: AbortSignal): Promise<void> {
    const told = this.#told;
    this.#told = new Set();
    const found = await this.#look(signal);
    if (found === undefined || found.isFirst) return;
    const isTold = (folder: string): boolean => told.has(folder) || this.#told.has(folder);
    if (found.changed.every(isTold)) return;
    this.#changeMode(() => this.#believe(false));
    await this.#forget(found.changed);
  }

  /** @returns undefined where the storage does not let itself be listed, which others look after */
  async #look(signal: AbortSignal): Promise<{ changed: string[]; isFirst: boolean } | undefined> {
    const { clock, list } = this.#options;
    const isFirst = this.#looked.objects === undefined;
    try {
      const { changed, objects } = await this.#digests.look(list(signal));
      this.#looked = { at: clock.now(), objects };
      return { changed, isFirst };
    } catch {
      return undefined;
    }
  }

  /** An rclone that does not answer is another's business; the next one begins with nothing. */
  async #forget(folders: readonly string[]): Promise<void> {
    if (folders.length > 0) await this.#options.forget(folders).catch(() => undefined);
  }
}

/** That of one mount, whose rclone may be another one tomorrow. */
export function freshnessOf(
  keeper: RecordKeeper,
  mount: Pick<FreshnessOptions, 'clock' | 'changes' | 'canList' | 'onTrouble'> & {
    cache: string;
    log: Log;
    /** The keys that the mount works with. */
    keys: () => Promise<BucketAccess>;
    vfs: () => Vfs | undefined;
  },
): Freshness {
  const { clock, changes, canList, onTrouble, cache, log, keys, vfs } = mount;
  const { bucket, settings, tells } = keeper.record;
  return new Freshness({
    ...{ clock, changes, canList, onTrouble, tells, seconds: settings.freshnessSeconds },
    list: (signal) => listBucket(keys, signal),
    forget: async (folders) => vfs()?.forget(folders),
    isServed: () => vfs() !== undefined,
    isKnown: (key, etag) => isInCache(cache, bucket, key, etag),
    onTells: (known) => {
      log.write('info', 'events', { tell: known });
      void keeper.note({ tells: known });
    },
    onMode: (by) => log.write('info', 'freshness', { by }),
  });
}

/** Over a connection of its own; where events tell it is hardly ever needed, so loaded late. */
async function* listBucket(
  keys: () => Promise<BucketAccess>,
  signal: AbortSignal,
): AsyncGenerator<ListedObject, void, undefined> {
  const { createS3Client } = await import('../s3/client.ts');
  const s3 = createS3Client(await keys());
  try {
    yield* s3.listAll(signal);
  } finally {
    s3.close();
  }
}
