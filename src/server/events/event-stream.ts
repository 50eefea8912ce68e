import type { Hello, Resync } from '../../api/contract/events.ts';
import { HttpProblem } from '../errors.ts';
import type { EventBus } from './event-bus.ts';
import type { LoggedEvent } from './event-log.ts';

/** What a stream writes to: a response, or a test's stand-in. */
export interface Sink {
  /** @returns false when it should be waited for `drain` */
  write(text: string): boolean;
  end(): void;
  destroy(): void;
  once(event: 'drain' | 'close', listener: () => void): unknown;
}

export interface StreamOptions {
  tenantId: string;
  lastEventId: string | undefined;
  /** Rejects with HttpProblem when the credential or the tenant has lost its right. */
  stillAllowed: () => Promise<void>;
  sink: Sink;
}

export interface StreamDeps {
  bus: EventBus;
  now: () => number;
  /** What is no refusal but a fault of ours. */
  onError: (error: unknown) => void;
  /** A client that takes nothing was cut. */
  onSlow: (tenantId: string) => void;
}

/** Something is sent at least this often; milliseconds, as all below. */
export const HEARTBEAT_MS = 15_000;
const RECHECK_MS = 30_000;
/** A client that takes nothing for so long is cut; it resumes from the log. */
const SLOW_MS = 15_000;
/** Then it has to show a fresh token. */
const LONGEST_LIFE_MS = 3_600_000;
const PAGE = 100;

/**
 * One client's stream. It holds a position in the log and, beyond what the socket buffers, no
 * events: a client that is slow, or behind, is served from the log at its own pace.
 */
export class EventStream {
  readonly #deps: StreamDeps;
  readonly #options: StreamOptions;
  readonly #ends: number;
  readonly #unsubscribe: () => void;
  /** The last number that was written. */
  #seq = 0;
  /** Whether the log is being read; what is published meanwhile is found there. */
  #reading = true;
  #behind = false;
  #closed = false;
  #cut = false;
  #wroteAt: number;
  #checkedAt: number;
  /** While the client does not take what it was sent. */
  #blocked: { since: number; over: PromiseWithResolvers<undefined> } | undefined;

  constructor(options: StreamOptions, deps: StreamDeps, random: number) {
    this.#options = options;
    this.#deps = deps;
    this.#wroteAt = this.#checkedAt = deps.now();
    // Not all that came at once have to come again at once.
    this.#ends = this.#wroteAt + LONGEST_LIFE_MS * (0.8 + random / 5);
    this.#unsubscribe = deps.bus.subscribe(options.tenantId, (events) => this.#notice(events));
    options.sink.once('close', () => this.#close());
  }

  /** Greets, and sends what has happened since `lastEventId`. */
  async start(): Promise<void> {
    const { tenantId, lastEventId } = this.#options;
    const { seq, position, gap } = await this.#deps.bus.locate(tenantId, lastEventId);
    this.#seq = seq;
    const hello: Hello = { type: 'hello', heartbeat_ms: HEARTBEAT_MS };
    // Who resumes keeps his position until he has what comes after it.
    this.#write(frame(hello, lastEventId === undefined ? position : undefined));
    if (gap !== undefined) this.#write(frame({ type: 'resync', reason: gap }, position));
    await this.#catchUp();
  }

  /** Called about once a second. */
  tick(): void {
    const now = this.#deps.now();
    if (this.#blocked !== undefined) {
      if (now - this.#blocked.since >= SLOW_MS && !this.#cut) this.#cutOff();
    } else if (now >= this.#ends) {
      this.end(0);
    } else if (now - this.#wroteAt >= HEARTBEAT_MS) {
      this.#write(':\n\n');
    }
    if (now - this.#checkedAt >= RECHECK_MS) void this.#recheck();
  }

  #cutOff(): void {
    this.#cut = true;
    this.#deps.onSlow(this.#options.tenantId);
    this.#options.sink.destroy();
  }

  /** Says when to come back, and ends. */
  end(retryMs: number): void {
    if (this.#closed) return;
    this.#write(`retry: ${Math.round(retryMs)}\n\n`);
    this.#options.sink.end();
    this.#close();
  }

  #close(): void {
    this.#closed = true;
    this.#blocked?.over.resolve(undefined);
    this.#unsubscribe();
  }

  #notice(events: readonly LoggedEvent[]): void {
    if (this.#closed) return;
    if (events.some(({ type }) => type === 'policy-changed' || type === 'credential-revoked')) {
      void this.#recheck();
    }
    if (this.#reading) {
      this.#behind = true;
    } else if (events[0]?.seq === this.#seq + 1 && this.#blocked === undefined) {
      this.#send(events);
    } else {
      void this.#catchUp();
    }
  }

  async #catchUp(): Promise<void> {
    this.#reading = true;
    try {
      do await this.#readOn();
      while (this.#behind && !this.#closed);
    } catch (error) {
      // Cut rather than left with a hole that nobody knows of.
      this.#deps.onError(error);
      this.#options.sink.destroy();
    } finally {
      this.#reading = false;
    }
  }

  async #readOn(): Promise<void> {
    const { bus } = this.#deps;
    while (!this.#closed) {
      await this.#blocked?.over.promise;
      this.#behind = false;
      const events = await bus.after(this.#options.tenantId, this.#seq, PAGE);
      const [first] = events;
      if (first === undefined) return;
      if (first.seq > this.#seq + 1)
        this.#write(frame({ type: 'resync', reason: 'position-too-old' }));
      this.#send(events);
      if (events.length < PAGE) return;
    }
  }

  #send(events: readonly LoggedEvent[]): void {
    const next = events.filter(({ seq }) => seq > this.#seq);
    this.#seq = next.at(-1)?.seq ?? this.#seq;
    this.#write(next.map(({ position, data }) => `id: ${position}\ndata: ${data}\n\n`).join(''));
  }

  #write(text: string): void {
    if (this.#closed || text === '') return;
    this.#wroteAt = this.#deps.now();
    if (this.#options.sink.write(text) || this.#blocked !== undefined) return;
    const blocked = { since: this.#wroteAt, over: Promise.withResolvers<undefined>() };
    this.#blocked = blocked;
    this.#options.sink.once('drain', () => {
      this.#blocked = undefined;
      blocked.over.resolve(undefined);
      // What was published meanwhile was left to the log.
      if (!this.#reading && !this.#closed) void this.#catchUp();
    });
  }

  async #recheck(): Promise<void> {
    this.#checkedAt = this.#deps.now();
    try {
      await this.#options.stillAllowed();
    } catch (error) {
      // The next request is told why, in a form that can be acted upon.
      if (error instanceof HttpProblem) this.end(0);
      else this.#deps.onError(error);
    }
  }
}

function frame(message: Hello | Resync, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(message)}\n\n`;
}
