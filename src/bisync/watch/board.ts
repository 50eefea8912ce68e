import type { Problem } from '../problems.ts';
import type { MovingFile } from '../progress.ts';
import { STATE_MEANINGS, type PairState } from '../states.ts';
import type { WatchChange, WatchEvent, WatchView } from './watcher.ts';
import type { BisyncEvent } from '../run-context.ts';

/** So many of each kind are in a view. */
export const SHOWN = 20;
/** The screen is told so seldom at most. */
const TELL_EVERY_MS = 100;

type Shown = Pick<
  WatchView,
  | 'local'
  | 'localNotice'
  | 'remote'
  | 'lane'
  | 'laneNotice'
  | 'openConflicts'
  | 'pausedUntil'
  | 'lastComparedAt'
  | 'nextComparisonAt'
>;
type Listener = (event: BisyncEvent | WatchEvent) => void;

/** What a watcher shows and tells, and nothing that it decides by. */
export class Board {
  readonly #now: () => number;
  readonly #viewers = new Set<() => void>();
  readonly #listeners = new Set<Listener>();
  #told: NodeJS.Timeout | undefined;
  #state: { state: PairState; message: string; since: number };
  readonly #recent: WatchChange[] = [];
  #problems = new Map<string, { message: string; cure: string | null }>();
  #changes = 0;
  #moving: MovingFile | null = null;
  readonly #more: Shown = {
    ...{ local: 'events', localNotice: null, remote: 'interval', lane: 'open', laneNotice: null },
    ...{ openConflicts: 0, pausedUntil: null, lastComparedAt: null, nextComparisonAt: null },
  };

  constructor(now: () => number) {
    this.#now = now;
    this.#state = { state: 'scanning', message: STATE_MEANINGS.scanning.sentence, since: now() };
  }

  /** How many changes went through so far. */
  get changes(): number {
    return this.#changes;
  }

  view(
    about: Pick<WatchView, 'root' | 'bucket' | 'profile'>,
    waiting: Pick<WatchView, 'queue' | 'queued'>,
  ): WatchView {
    return {
      ...this.#state,
      ...about,
      ...this.#more,
      ...waiting,
      moving: this.#moving === null ? null : { ...this.#moving },
      recent: [...this.#recent],
      problems: [...this.#problems.values()].slice(0, SHOWN),
    };
  }

  onView(listener: () => void): () => void {
    this.#viewers.add(listener);
    return () => this.#viewers.delete(listener);
  }

  onEvent(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: BisyncEvent | WatchEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** The view is another one now. */
  touch(): void {
    this.#told ??= setTimeout(() => {
      this.#told = undefined;
      for (const viewer of this.#viewers) viewer();
    }, TELL_EVERY_MS).unref();
  }

  state(state: PairState, message: string = STATE_MEANINGS[state].sentence): void {
    if (this.#state.state === state && this.#state.message === message) return;
    const changed = this.#state.state !== state;
    this.#state = { state, message, since: changed ? this.#now() : this.#state.since };
    if (changed) this.emit({ type: 'state', state, message });
    this.touch();
  }

  show(more: Partial<Shown>): void {
    Object.assign(this.#more, more);
    this.touch();
  }

  get shown(): Readonly<Shown> {
    return this.#more;
  }

  moving(file: MovingFile | null): void {
    this.#moving = file;
    this.touch();
  }

  change(change: WatchChange): void {
    this.#changes += 1;
    this.#recent.unshift(change);
    if (this.#recent.length > SHOWN) this.#recent.pop();
    this.emit({ type: 'change', ...change });
    this.touch();
  }

  /** `key` is what it is about: a path, or what hinders as a whole. */
  problem(key: string, message: string, cure: string | null = null): void {
    this.#problems.set(key, { message, cure });
    this.touch();
  }

  well(key: string): void {
    if (this.#problems.delete(key)) this.touch();
  }

  /** All that a run has found; what was known before is out of date. */
  problems(problems: readonly Problem[]): void {
    this.#problems = new Map(
      problems.map(({ path, message }) => [path, { message, cure: null }] as const),
    );
    this.touch();
  }

  close(): void {
    clearTimeout(this.#told);
  }
}
