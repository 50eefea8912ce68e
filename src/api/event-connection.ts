import type { IncomingMessage } from 'node:http';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { Clock } from '../platform/clock.ts';
import { requestStream, type ConnectionOptions } from './event-request.ts';
import { LONGEST_RETRY_MS, networkReason, StreamEnd } from './event-stream-end.ts';

/** Sleeps are cut into such pieces, so that a machine that wakes up is noticed soon. */
const STEP_MS = 5000;
const JUMP_MS = 10_000;
/** Our server's events are far below; a line without end must not fill the memory. */
const LONGEST_EVENT = 256 * 1024;

export interface EventConnection {
  /**
   * Messages as they come.
   *
   * @param silenceMs asked before each read: how long it may take until something comes
   * @throws StreamEnd always, in the end
   */
  messages(silenceMs: () => number): AsyncGenerator<EventSourceMessage, never, undefined>;
  /** What the server asked us to wait before the next connection, in milliseconds. */
  readonly retryMs: number | undefined;
  close(): void;
}

/** @throws StreamEnd; nothing else for trouble of network, server or credential */
export async function connect(
  options: ConnectionOptions,
  lastEventId: string | undefined,
): Promise<EventConnection> {
  const abort = new AbortController();
  const signal = AbortSignal.any([options.signal, abort.signal]);
  try {
    const response = await requestStream(options, lastEventId, signal);
    return new OpenConnection(response, options.clock, abort, signal);
  } catch (error) {
    abort.abort();
    throw error;
  }
}

class OpenConnection implements EventConnection {
  retryMs: number | undefined;
  readonly #body: AsyncIterator<Buffer, unknown>;
  readonly #clock: Clock;
  readonly #abort: AbortController;
  readonly #signal: AbortSignal;

  constructor(
    response: IncomingMessage,
    clock: Clock,
    abort: AbortController,
    signal: AbortSignal,
  ) {
    this.#body = (response as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    this.#clock = clock;
    this.#abort = abort;
    this.#signal = signal;
  }

  async *messages(silenceMs: () => number): AsyncGenerator<EventSourceMessage, never, undefined> {
    const decode = eventDecoder((ms) => {
      this.retryMs = Math.min(ms, LONGEST_RETRY_MS);
    });
    for (;;) {
      const chunk = await this.#read(silenceMs());
      if (chunk === undefined) throw new StreamEnd('cut', 'the connection ended');
      yield* decode(chunk);
    }
  }

  close(): void {
    this.#abort.abort();
  }

  /** @returns undefined at the end of the body */
  async #read(silenceMs: number): Promise<Buffer | undefined> {
    const reading = new AbortController();
    const read = this.#body.next();
    const watch = this.#watch(silenceMs, AbortSignal.any([this.#signal, reading.signal]));
    read.catch(() => undefined);
    watch.catch(() => undefined);
    try {
      const { done, value } = await Promise.race([read, watch]);
      return done === true ? undefined : value;
    } catch (error) {
      if (error instanceof StreamEnd) throw error;
      throw new StreamEnd('cut', networkReason(error));
    } finally {
      reading.abort();
    }
  }

  /** Ends when nothing comes for too long; sooner when the machine slept meanwhile. */
  async #watch(silenceMs: number, signal: AbortSignal): Promise<never> {
    const ends = this.#clock.now() + silenceMs;
    for (;;) {
      const left = ends - this.#clock.now();
      if (left <= 0) throw new StreamEnd('silent', 'nothing came for too long');
      if ((await pause(this.#clock, left, signal)) === 'slept') {
        throw new StreamEnd('slept', 'this machine slept');
      }
    }
  }
}

/**
 * Waits `ms`, but at most one step.
 *
 * @returns `slept` when much more time has passed than was waited for: the timers of a machine that
 *   sleeps stand still, its clock does not
 */
export async function pause(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
): Promise<'waited' | 'slept'> {
  const step = Math.min(ms, STEP_MS);
  const before = clock.now();
  await clock.sleep(step, signal);
  return clock.now() - before > step + JUMP_MS ? 'slept' : 'waited';
}

/**
 * Bytes of an event stream in, whole messages out, however the bytes are cut.
 *
 * @throws StreamEnd `garbled` for an event that is too long
 */
export function eventDecoder(
  onRetry: (ms: number) => void = () => undefined,
): (chunk: Uint8Array) => EventSourceMessage[] {
  const text = new TextDecoder();
  let messages: EventSourceMessage[] = [];
  let tooLong = false;
  const parser = createParser({
    onEvent: (message) => messages.push(message),
    onRetry,
    onError: (error) => {
      // Anything else is a field that we do not know, which is to be ignored.
      if (error.type === 'max-buffer-size-exceeded') tooLong = true;
    },
    maxBufferSize: LONGEST_EVENT,
  });
  return (chunk) => {
    messages = [];
    parser.feed(text.decode(chunk, { stream: true }));
    if (tooLong) throw new StreamEnd('garbled', 'an event that does not end');
    return messages;
  };
}
