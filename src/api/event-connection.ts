import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Clock } from '../platform/clock.ts';
import { PROBLEM_CONTENT_TYPE } from './contract/problem.ts';

/** Why there is no connection; docs/server.md says what each means to a person. */
export type CloseReason =
  /** It ended, as connections do: the server stops, a proxy's time is over. */
  | 'cut'
  /** Nothing came for 2.5 heartbeats. */
  | 'silent'
  /** This machine slept, or its clock was moved. */
  | 'slept'
  /** Something between us and the server keeps the answer back. */
  | 'buffered'
  | 'network'
  /** The server is busy, stopping or out of order. */
  | 'unavailable'
  /** The credential or the tenant is refused. */
  | 'auth'
  | 'not-our-server'
  /** What came is no event stream, or a line without end. */
  | 'garbled'
  /** This server has no events; it is not asked again. */
  | 'not-offered';

/** How a connection ended, or why there was none. */
export class StreamEnd extends Error {
  override readonly name = 'StreamEnd';
  readonly reason: CloseReason;
  /** What the server asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  constructor(reason: CloseReason, detail: string, retryAfterMs?: number) {
    super(detail);
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface ConnectionOptions {
  server: string;
  /**
   * A valid token; called with the one that the server has just refused, it gets another one if
   * there is any.
   */
  token: (refused?: string) => Promise<string>;
  clock: Clock;
  signal: AbortSignal;
}

const ANSWER_WITHIN_MS = 15_000;
/** Sleeps are cut into such pieces, so that a machine that wakes up is noticed soon. */
const STEP_MS = 5000;
const JUMP_MS = 10_000;
/** Our server's events are far below; a line without end must not fill the memory. */
const LONGEST_EVENT = 256 * 1024;
const LONGEST_RETRY_MS = 3_600_000;

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
    const response = await authorized(options, lastEventId, signal);
    await checkAnswer(response, options.clock);
    if (response.body === null) throw new StreamEnd('garbled', 'an answer without a body');
    return new OpenConnection(response.body, options.clock, abort, signal);
  } catch (error) {
    abort.abort();
    throw error;
  }
}

/** A refused token is renewed once: it may have been revoked, or the clocks differ. */
async function authorized(
  options: ConnectionOptions,
  lastEventId: string | undefined,
  signal: AbortSignal,
): Promise<Response> {
  const token = await tokenOf(options);
  const response = await request(options, token, lastEventId, signal);
  if (response.status !== 401) return response;
  const fresh = await tokenOf(options, token);
  if (fresh === token) return response;
  await response.body?.cancel();
  return request(options, fresh, lastEventId, signal);
}

async function tokenOf(options: ConnectionOptions, refused?: string): Promise<string> {
  try {
    return await options.token(refused);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const forPerson = error instanceof AbortError && error.exitCode !== ExitCode.unreachable;
    throw new StreamEnd(forPerson ? 'auth' : 'network', text);
  }
}

async function request(
  { server, clock }: ConnectionOptions,
  token: string,
  lastEventId: string | undefined,
  signal: AbortSignal,
): Promise<Response> {
  const answering = new AbortController();
  const late = clock
    .sleep(ANSWER_WITHIN_MS, answering.signal)
    .then(() => Promise.reject(new StreamEnd('network', 'no answer in time')));
  const asked = fetch(`${server.replace(/\/+$/, '')}/tenant/events`, {
    headers: {
      accept: 'text/event-stream',
      // A compressing proxy would hold events back until a block is full.
      'accept-encoding': 'identity',
      'cache-control': 'no-store',
      authorization: `Bearer ${token}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
    redirect: 'manual',
    signal,
  });
  // Whichever is later is of no interest any more.
  late.catch(() => undefined);
  asked.catch(() => undefined);
  try {
    return await Promise.race([asked, late]);
  } catch (error) {
    if (error instanceof StreamEnd) throw error;
    throw new StreamEnd('network', networkReason(error));
  } finally {
    answering.abort();
  }
}

async function checkAnswer(response: Response, clock: Clock): Promise<void> {
  const type = response.headers.get('content-type') ?? '';
  if (response.status === 200 && type.startsWith('text/event-stream')) return;
  await response.body?.cancel();
  const { status } = response;
  const ours = type.startsWith(PROBLEM_CONTENT_TYPE);
  const detail = `the server answered ${status}`;
  // A 404 of anybody else may be a captive portal or a proxy that has lost its server.
  if (status === 501 || (ours && (status === 404 || status === 405))) {
    throw new StreamEnd('not-offered', detail);
  }
  if (status === 401 || (status === 403 && ours)) throw new StreamEnd('auth', detail);
  if (status === 429 || status >= 500) {
    throw new StreamEnd('unavailable', detail, retryAfter(response, clock));
  }
  throw new StreamEnd('not-our-server', `${detail} with ${type === '' ? 'nothing' : type}`);
}

/** RFC 9110 §10.2.3: seconds or a date. */
function retryAfter({ headers }: Response, clock: Clock): number | undefined {
  const text = headers.get('retry-after');
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - clock.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), LONGEST_RETRY_MS);
}

class OpenConnection implements EventConnection {
  retryMs: number | undefined;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #clock: Clock;
  readonly #abort: AbortController;
  readonly #signal: AbortSignal;

  constructor(
    body: ReadableStream<Uint8Array>,
    clock: Clock,
    abort: AbortController,
    signal: AbortSignal,
  ) {
    this.#reader = body.getReader();
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
    this.#reader.cancel().catch(() => undefined);
  }

  /** @returns undefined at the end of the body */
  async #read(silenceMs: number): Promise<Uint8Array | undefined> {
    const reading = new AbortController();
    const read = this.#reader.read();
    const watch = this.#watch(silenceMs, AbortSignal.any([this.#signal, reading.signal]));
    read.catch(() => undefined);
    watch.catch(() => undefined);
    try {
      return (await Promise.race([read, watch])).value;
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

/** fetch says only "fetch failed"; the cause has the code. */
function networkReason(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (!(cause instanceof Error)) return 'the connection failed';
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}
