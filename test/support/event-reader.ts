import type { EventSourceMessage } from 'eventsource-parser';
import { onTestFinished } from 'vitest';
import { eventDecoder } from '../../src/api/event-connection.ts';
import type { StreamMessage } from '../../src/api/contract/events.ts';

export interface EventReader {
  status: number;
  headers: Headers;
  /** Each message with its id, in order; undefined at the end of the stream. */
  next(): Promise<(StreamMessage & { position: string | undefined }) | undefined>;
  /** Bytes so far that are no message: heartbeats, `retry`. */
  text(): string;
  close(): void;
}

/** Reads `GET /tenant/events` as it comes, without the client's judgement. */
export async function readEvents(
  server: string,
  token: string,
  lastEventId?: string,
): Promise<EventReader> {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const response = await fetch(`${server}/tenant/events`, {
    headers: {
      authorization: `Bearer ${token}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
    signal: abort.signal,
  });
  const decode = eventDecoder();
  const waiting: EventSourceMessage[] = [];
  let text = '';
  const reader = response.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  return {
    status: response.status,
    headers: response.headers,
    next: async () => {
      while (waiting.length === 0) {
        const { value } = await reader.read();
        if (value === undefined) return undefined;
        text += Buffer.from(value).toString();
        waiting.push(...decode(value));
      }
      const message = waiting.shift()!;
      return { ...(JSON.parse(message.data) as StreamMessage), position: message.id };
    },
    text: () => text,
    close: () => abort.abort(),
  };
}
