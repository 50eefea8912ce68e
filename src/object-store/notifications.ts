import * as z from 'zod/mini';
import type { Clock } from '../platform/clock.ts';
import { S3Error } from './errors.ts';
import { parseFilter } from './notification-filter.ts';
import type { ObjectRecord } from './objects.ts';

export type EventName =
  | 'OBJECT_CREATED_PUT'
  | 'OBJECT_CREATED_MULTIPART'
  | 'OBJECT_CREATED_COPY'
  | 'OBJECT_DELETED'
  | 'OBJECT_TRANSITIONED'
  | 'OBJECT_RENAME';

const configurationSchema = z.object({
  enabled: z.optional(z.boolean()),
  web_hook: z.optional(z.url({ protocol: /^https?$/ })),
  filter: z.optional(z.string()),
  auth: z.optional(
    z.union([
      z.strictObject({ token: z.string() }),
      z.strictObject({ basic_user: z.string(), basic_pass: z.string() }),
    ]),
  ),
});
export type NotificationConfiguration = z.infer<typeof configurationSchema>;

const TIMEOUT_MS = 10_000;
const RETRY_AFTER_MS = [1000, 4000, 16_000];
const BATCH = 100;

interface Event {
  eventVersion: '1';
  eventSource: 'tigris';
  eventName: EventName;
  eventTime: string;
  bucket: string;
  object: { key: string; size: number; eTag: string };
}

/** @throws S3Error InvalidArgument for what this store could not carry out */
export function parseConfiguration(value: unknown): NotificationConfiguration | undefined {
  const parsed = configurationSchema.safeParse(value);
  if (!parsed.success) {
    throw new S3Error('InvalidArgument', `object_notifications: ${z.prettifyError(parsed.error)}`);
  }
  const configuration = parsed.data;
  if (configuration.web_hook === undefined) {
    if (configuration.enabled === true) {
      throw new S3Error('InvalidArgument', 'object_notifications: web_hook is required');
    }
    return undefined;
  }
  parseFilter(configuration.filter);
  return configuration;
}

export interface NotifierOptions {
  clock: Clock;
  /** The configuration of a bucket, as it was set. */
  configurationOf: (bucket: string) => string | undefined;
}

/** How long a stop waits for deliveries that are under way. */
const SETTLE_MS = 2000;

/**
 * Deliveries to webhooks as Tigris makes them: at least once while the store runs, unordered, a
 * 2xx acknowledges, 10 s time-out, three retries, then dropped. A hint, not a log: at a stop what
 * waits is tried once more, and what was dropped is counted, so that the receiver can be told.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #waiting = new Map<string, Event[]>();
  readonly #delivering = new Set<Promise<void>>();
  /** No further tries. */
  readonly #stopping = new AbortController();
  /** No answer is waited for any more. */
  readonly #stopped = new AbortController();
  #undelivered = 0;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  notify(name: EventName, bucket: string, object: ObjectRecord): void {
    const text = this.#options.configurationOf(bucket);
    if (text === undefined) return;
    const configuration = JSON.parse(text) as NotificationConfiguration;
    if (configuration.enabled === false || !parseFilter(configuration.filter)(object)) return;
    const event: Event = {
      eventVersion: '1',
      eventSource: 'tigris',
      eventName: name,
      eventTime: new Date(this.#options.clock.now()).toISOString(),
      bucket,
      object: { key: object.key, size: object.size, eTag: object.etag },
    };
    const waiting = this.#waiting.get(bucket);
    if (waiting !== undefined) {
      waiting.push(event);
      return;
    }
    this.#waiting.set(bucket, [event]);
    // What is written in the same turn travels together.
    setImmediate(() => this.#start(bucket, configuration));
  }

  #start(bucket: string, configuration: NotificationConfiguration): void {
    const events = this.#waiting.get(bucket) ?? [];
    this.#waiting.delete(bucket);
    for (let from = 0; from < events.length; from += BATCH) {
      const delivery = this.#deliver(configuration, events.slice(from, from + BATCH)).finally(() =>
        this.#delivering.delete(delivery),
      );
      this.#delivering.add(delivery);
    }
  }

  async #deliver(configuration: NotificationConfiguration, events: Event[]): Promise<void> {
    const { signal } = this.#stopping;
    for (const retryAfter of [...RETRY_AFTER_MS, undefined]) {
      if (await this.#post(configuration, events)) return;
      if (retryAfter === undefined) break;
      await this.#options.clock.sleep(retryAfter, signal).catch(() => undefined);
      if (signal.aborted) break;
    }
    this.#undelivered += events.length;
  }

  async #post({ web_hook, auth }: NotificationConfiguration, events: Event[]): Promise<boolean> {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (auth !== undefined) headers['authorization'] = authorization(auth);
    try {
      const response = await fetch(web_hook ?? '', {
        method: 'POST',
        headers,
        body: JSON.stringify({ events }),
        redirect: 'manual',
        signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }

  get undelivered(): number {
    return this.#undelivered;
  }

  /** Waits until nothing waits and nothing is under way, but not for long. */
  async settle(): Promise<void> {
    const end = AbortSignal.timeout(SETTLE_MS);
    const timeout = new Promise<void>((resolve) => {
      end.addEventListener('abort', () => resolve(), { once: true });
    });
    while (!end.aborted && this.#waiting.size + this.#delivering.size > 0) {
      const batch = new Promise<void>((resolve) => setImmediate(resolve));
      await Promise.race([timeout, Promise.all([batch, ...this.#delivering])]);
    }
  }

  /** Lets what is under way end its present try, then ends all deliveries. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.settle();
    this.#stopped.abort();
    await Promise.all(this.#delivering);
  }
}

function authorization(auth: NonNullable<NotificationConfiguration['auth']>): string {
  if ('token' in auth) return `Bearer ${auth.token}`;
  return `Basic ${Buffer.from(`${auth.basic_user}:${auth.basic_pass}`).toString('base64')}`;
}
