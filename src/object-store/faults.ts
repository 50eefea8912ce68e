import type { Clock } from '../platform/clock.ts';
import { S3Error } from './errors.ts';

/** Where a connection is cut: the three ends that a client cannot tell from a lost network. */
export type CutPoint = 'before' | 'reply' | 'body';

/**
 * Trouble that the store makes on purpose, for tests and benchmarks. Everything is off by default
 * and may be changed while the store runs.
 */
export interface FaultOptions {
  /** Milliseconds before each request is looked at. */
  latencyMs?: number;
  /** Bytes per second of each upload and each download; 0 is unlimited. */
  bandwidth?: number;
  /** Share of requests, 0 to 1, that are refused with `errorCode` before they do anything. */
  errorRate?: number;
  errorCode?: 'SlowDown' | 'InternalError';
  /** Share of requests, 0 to 1, whose connection is cut at one of `cutAt`. */
  cutRate?: number;
  /**
   * `before` the request has any effect, instead of the `reply` when it has had its effect, or
   * halfway through the `body` of a reply.
   */
  cutAt?: readonly CutPoint[];
  /** Milliseconds until a write shows in listings, as with an eventually consistent bucket. */
  listingDelayMs?: number;
  /** What every write to the disk fails with; undefined for a sound disk. */
  diskError?: 'ENOSPC' | 'EIO' | undefined;
  /** Only these operations (`PutObject`, `ListObjectsV2` …) are hit; all when undefined. */
  only?: readonly string[] | undefined;
  /** Makes the choices repeatable. */
  seed?: number;
}

export type FaultSettings = Readonly<Required<FaultOptions>>;

const NONE: FaultSettings = {
  latencyMs: 0,
  bandwidth: 0,
  errorRate: 0,
  errorCode: 'SlowDown',
  cutRate: 0,
  cutAt: ['before', 'reply', 'body'],
  listingDelayMs: 0,
  diskError: undefined,
  only: undefined,
  seed: 1,
};

export class Faults {
  readonly #clock: Clock;
  #settings: FaultSettings = NONE;
  #random: () => number = seeded(NONE.seed);

  constructor(clock: Clock, options: FaultOptions = {}) {
    this.#clock = clock;
    this.set(options);
  }

  get settings(): FaultSettings {
    return this.#settings;
  }

  /** Changes the given settings and keeps the others. */
  set(options: FaultOptions): void {
    for (const rate of [options.errorRate, options.cutRate]) {
      if (rate !== undefined && !(rate >= 0 && rate <= 1)) throw new RangeError('a rate is 0 to 1');
    }
    this.#settings = { ...this.#settings, ...options };
    if (options.seed !== undefined) this.#random = seeded(options.seed);
  }

  /** Back to a sound store. */
  clear(): void {
    this.#settings = NONE;
  }

  #hits(operation: string): boolean {
    const { only } = this.#settings;
    return only === undefined || only.includes(operation);
  }

  /** Waits, then decides the fate of a request. @throws S3Error the injected error */
  async before(operation: string): Promise<CutPoint | undefined> {
    if (!this.#hits(operation)) return undefined;
    const { latencyMs, errorRate, errorCode, cutRate, cutAt } = this.#settings;
    if (latencyMs > 0) await this.#clock.sleep(latencyMs);
    if (errorRate > 0 && this.#random() < errorRate) {
      const message =
        errorCode === 'SlowDown'
          ? 'Please reduce your request rate.'
          : 'We encountered an internal error. Please try again.';
      throw new S3Error(errorCode, message);
    }
    if (cutRate > 0 && this.#random() < cutRate) {
      return cutAt[Math.floor(this.#random() * cutAt.length)];
    }
    return undefined;
  }

  /** Passes bytes on no faster than the bandwidth. */
  throttle(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    return this.#settings.bandwidth > 0 ? this.#paced(source) : source;
  }

  async *#paced(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const started = this.#clock.now();
    let sent = 0;
    for await (const chunk of source) {
      sent += chunk.length;
      const { bandwidth } = this.#settings;
      const due = bandwidth > 0 ? started + (sent * 1000) / bandwidth : 0;
      const wait = due - this.#clock.now();
      if (wait > 0) await this.#clock.sleep(wait);
      yield chunk;
    }
  }

  /** Called before each write to the disk. @throws a system error, if one is set */
  checkDisk(): void {
    const { diskError } = this.#settings;
    if (diskError === undefined) return;
    throw Object.assign(new Error(`${diskError}: injected`), { code: diskError });
  }
}

/** Mulberry32: small, and good enough to throw dice with. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** The hidden flags of `cloud server start`, as text. */
export interface FaultFlags {
  'storage-latency'?: string | undefined;
  'storage-bandwidth'?: string | undefined;
  'storage-error-rate'?: string | undefined;
  'storage-cut-rate'?: string | undefined;
  'storage-listing-delay'?: string | undefined;
}

/** A flag of `parseFaultFlags` that is not what it should be. */
export class FaultFlagError extends Error {
  override readonly name = 'FaultFlagError';
  readonly flag: keyof FaultFlags;
  constructor(flag: keyof FaultFlags, value: string, expected: string) {
    super(`--${flag} ${value}: expected ${expected}`);
    this.flag = flag;
  }
}

/**
 * `40ms`, `1.5s` or plain milliseconds; `500k`, `10M` (bytes per second); `0.01` or `1%`.
 * @throws FaultFlagError
 */
export function parseFaultFlags(flags: FaultFlags): FaultOptions {
  const options: FaultOptions = {};
  const read = (
    flag: keyof FaultFlags,
    pattern: RegExp,
    units: Record<string, number>,
    expected: string,
    keep: (value: number) => void,
  ): void => {
    const text = flags[flag];
    if (text === undefined) return;
    const match = pattern.exec(text.trim());
    const unit = units[match?.[2] ?? ''];
    if (match === null || unit === undefined) throw new FaultFlagError(flag, text, expected);
    keep(Number(match[1]) * unit);
  };
  const time = /^(\d+(?:\.\d+)?)(ms|s)?$/;
  const times = { '': 1, ms: 1, s: 1000 };
  const share = /^(\d+(?:\.\d+)?)(%)?$/;
  const shares = { '': 1, '%': 0.01 };
  const rate = (flag: 'storage-error-rate' | 'storage-cut-rate', keep: (value: number) => void) => {
    read(flag, share, shares, 'a share such as 0.01 or 1%', (value) => {
      if (value > 1)
        throw new FaultFlagError(flag, flags[flag] ?? '', 'a share of at most 1 or 100%');
      keep(value);
    });
  };
  read('storage-latency', time, times, 'a time such as 40ms', (v) => (options.latencyMs = v));
  read(
    'storage-bandwidth',
    /^(\d+(?:\.\d+)?)([kMG])?$/,
    { '': 1, k: 1000, M: 1e6, G: 1e9 },
    'bytes per second such as 500k or 10M',
    (v) => (options.bandwidth = v),
  );
  rate('storage-error-rate', (v) => (options.errorRate = v));
  rate('storage-cut-rate', (v) => (options.cutRate = v));
  read(
    'storage-listing-delay',
    time,
    times,
    'a time such as 2s',
    (v) => (options.listingDelayMs = v),
  );
  return options;
}
