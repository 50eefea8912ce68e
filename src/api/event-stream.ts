import type { EventSourceMessage } from 'eventsource-parser';
import type { Clock } from '../platform/clock.ts';
import { systemClock } from '../platform/clock.ts';
import { StreamMessage, type Hello, type Resync, type TenantEvent } from './contract/events.ts';
import { connect, pause, type EventConnection } from './event-connection.ts';
import type { ConnectionOptions } from './event-request.ts';
import { StreamEnd, type CloseReason } from './event-stream-end.ts';
import { Backoff } from './event-backoff.ts';

export type StreamItem =
  /** Connected; from now on events come. `position` is what to resume from, if it is known. */
  | { type: 'open'; position: string | undefined }
  /** `event.id` is what to resume from once the event is dealt with. */
  | { type: 'event'; event: TenantEvent }
  /**
   * Events may have been missed: reconcile with the bucket. Comes after `open` too when the stream
   * resumed nothing, because nobody knows what happened before.
   */
  | { type: 'gap'; position: string | undefined }
  /**
   * No connection: until the next `open` do without events. `detail` is for logs; `retryInMs` is
   * null when it is not tried again, and then this is the last item.
   */
  | { type: 'closed'; reason: CloseReason; detail: string; retryInMs: number | null };

export interface FollowOptions extends Omit<ConnectionOptions, 'clock'> {
  /** Where an earlier stream was: the last `event.id` or `position` that was dealt with. */
  lastEventId?: string | undefined;
  clock?: Clock;
  /** 0 to 1, for the jitter. */
  random?: () => number;
}

/** Heartbeats that may be missing until a connection counts as dead. */
const MISSED_HEARTBEATS = 2.5;
/** The greeting is the first thing that our server sends; milliseconds. */
const HELLO_WITHIN_MS = 10_000;
/** A connection that held so long was a good one; milliseconds. */
const GOOD_AFTER_MS = 10_000;

/**
 * Follows the events of a tenant: reconnects for ever, with back-off, resuming where it was. Never
 * throws for trouble of network, server or credential; ends by `signal`, or after `closed` with
 * `not-offered`. While the caller deals with an item nothing more is read.
 */
export async function* followEvents(
  options: FollowOptions,
): AsyncGenerator<StreamItem, void, undefined> {
  const { signal } = options;
  const clock = options.clock ?? systemClock;
  const backoff = new Backoff(options.random ?? Math.random);
  let position = options.lastEventId;
  while (!signal.aborted) {
    const started = clock.now();
    let connection: EventConnection | undefined;
    let end: StreamEnd;
    try {
      connection = await connect({ ...options, clock }, position);
      for await (const item of itemsOf(connection, position)) {
        position = positionOf(item) ?? position;
        yield item;
        if (stopped(signal)) return;
      }
      return;
    } catch (error) {
      if (!(error instanceof StreamEnd)) throw error;
      end = error;
    } finally {
      connection?.close();
    }
    // The signal may have been what ended it.
    if (stopped(signal)) return;
    const { reason, message: detail } = end;
    const held = connection !== undefined && clock.now() - started >= GOOD_AFTER_MS;
    const retryInMs = backoff.next(reason, {
      held,
      askedMs: end.retryAfterMs ?? connection?.retryMs,
    });
    yield { type: 'closed', reason, detail, retryInMs };
    if (retryInMs === null || !(await wait(clock, retryInMs, signal))) return;
  }
}

/** What one connection brings. @throws StreamEnd in the end */
async function* itemsOf(
  connection: EventConnection,
  resumedFrom: string | undefined,
): AsyncGenerator<StreamItem, void, undefined> {
  let hello: Hello | undefined;
  const silenceMs = (): number =>
    hello === undefined ? HELLO_WITHIN_MS : hello.heartbeat_ms * MISSED_HEARTBEATS;
  try {
    for await (const message of connection.messages(silenceMs)) {
      const parsed = parseMessage(message);
      if (parsed === undefined) continue;
      if (parsed !== 'unreadable' && parsed.type === 'hello') {
        hello = parsed;
        yield { type: 'open', position: message.id ?? resumedFrom };
        if (resumedFrom === undefined) yield { type: 'gap', position: message.id };
      } else if (hello === undefined) {
        throw new StreamEnd('garbled', 'an event stream that is not ours');
      } else {
        yield toItem(parsed, message.id);
      }
    }
  } catch (error) {
    if (hello === undefined && error instanceof StreamEnd && error.reason === 'silent') {
      throw new StreamEnd('buffered', 'the answer began, but nothing of it comes through');
    }
    throw error;
  }
}

function toItem(parsed: TenantEvent | Resync | 'unreadable', id: string | undefined): StreamItem {
  return parsed === 'unreadable' || parsed.type === 'resync'
    ? { type: 'gap', position: id }
    : { type: 'event', event: parsed };
}

const KNOWN: ReadonlySet<unknown> = new Set(
  StreamMessage.def.options.flatMap((option) => [...option.shape.type.def.values]),
);

/**
 * `unreadable` for what should be understood and is not: an event was lost with it. Undefined for
 * types of a later version.
 */
function parseMessage(message: EventSourceMessage): StreamMessage | 'unreadable' | undefined {
  let value: unknown;
  try {
    value = JSON.parse(message.data);
  } catch {
    return 'unreadable';
  }
  const parsed = StreamMessage.safeParse(value);
  if (parsed.success) return parsed.data;
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : null;
  return typeof type === 'string' && !KNOWN.has(type) ? undefined : 'unreadable';
}

function positionOf(item: StreamItem): string | undefined {
  if (item.type === 'event') return item.event.id;
  return item.type === 'closed' ? undefined : item.position;
}

/** In steps, so that a machine that wakes up tries at once. @returns false when it was stopped */
async function wait(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  const ends = clock.now() + ms;
  try {
    for (;;) {
      const left = ends - clock.now();
      if (left <= 0 || (await pause(clock, left, signal)) === 'slept') return true;
    }
  } catch (error) {
    if (stopped(signal)) return false;
    throw error;
  }
}

/** Apart, because it changes while we wait. */
function stopped(signal: AbortSignal): boolean {
  return signal.aborted;
}
