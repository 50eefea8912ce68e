import type { Clock } from '../../platform/clock.ts';
import { HttpProblem } from '../errors.ts';
import type { EventBus } from './event-bus.ts';
import { EventStream, type StreamOptions } from './event-stream.ts';

const STREAMS_PER_TENANT = 1000;
const TICK_MS = 1000;
/** When the server stops, its clients come back spread over this time, in milliseconds. */
const RETURN_WITHIN_MS = 4000;

export interface StreamsDeps {
  bus: EventBus;
  clock: Clock;
  onError: (error: unknown) => void;
  onSlow: (tenantId: string) => void;
}

/** All streams of this process, with one timer between them. */
export class EventStreams {
  readonly #deps: StreamsDeps;
  readonly #open = new Map<string, Set<EventStream>>();
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(deps: StreamsDeps) {
    this.#deps = deps;
  }

  /** @throws HttpProblem 429 `too-many-streams`, 503 `stopping` */
  assertRoom(tenantId: string): void {
    if (this.#stopping) {
      throw new HttpProblem(503, 'stopping', 'The server is stopping.', {
        headers: { 'retry-after': '2' },
      });
    }
    if ((this.#open.get(tenantId)?.size ?? 0) < STREAMS_PER_TENANT) return;
    throw new HttpProblem(429, 'too-many-streams', 'The tenant has too many event streams open.', {
      headers: { 'retry-after': '60' },
    });
  }

  async open(options: StreamOptions): Promise<void> {
    const { bus, clock, onError, onSlow } = this.#deps;
    const stream = new EventStream(
      options,
      { bus, now: () => clock.now(), onError, onSlow },
      Math.random(),
    );
    const streams = this.#open.get(options.tenantId) ?? new Set();
    this.#open.set(options.tenantId, streams.add(stream));
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
    options.sink.once('close', () => this.#forget(options.tenantId, stream));
    await stream.start();
  }

  /** Ends all of them; none is opened any more. */
  stop(): void {
    this.#stopping = true;
    for (const stream of this.#all()) stream.end(500 + Math.random() * RETURN_WITHIN_MS);
  }

  #tick(): void {
    for (const stream of this.#all()) stream.tick();
  }

  #all(): EventStream[] {
    return [...this.#open.values()].flatMap((streams) => [...streams]);
  }

  #forget(tenantId: string, stream: EventStream): void {
    const streams = this.#open.get(tenantId);
    streams?.delete(stream);
    if (streams?.size === 0) this.#open.delete(tenantId);
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
