import { setTimeout as pause } from 'node:timers/promises';
import { sql, type QueryExecutorProvider } from 'kysely';
import type { Client } from 'pg';
import { isPostgres } from './dialect.ts';

/** What processes tell each other. A payload is a few numbers and ids (8000 bytes are the limit). */
export type Channel = 'cloud_events' | 'cloud_losses' | 'cloud_keys' | 'cloud_rates';

/** Told to every process when the transaction is committed, in the order of commits. */
export async function notify(
  transaction: QueryExecutorProvider,
  channel: Channel,
  payload: string,
): Promise<void> {
  if (!isPostgres(transaction)) return;
  await sql`select pg_notify(${channel}, ${payload})`.execute(transaction);
}

interface ListenerDeps {
  connect: () => Client;
  channels: Record<Channel, (payload: string) => void>;
  /** The connection is there again, and what was told meanwhile was missed. */
  onMissed: () => void;
  onLost: (error: unknown) => void;
}

/** Milliseconds. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** A connection that died without a word is noticed by then. */
const ASK_EVERY_MS = 10_000;
const ANSWER_MS = 5_000;

/** One connection that listens, as long as the server runs. */
export class NotificationListener {
  readonly #deps: ListenerDeps;
  #client: Client | undefined;
  #asking: NodeJS.Timeout | undefined;
  readonly #stopping = new AbortController();

  constructor(deps: ListenerDeps) {
    this.#deps = deps;
  }

  get isListening(): boolean {
    return this.#client !== undefined;
  }

  /** @throws when the first connection fails */
  async start(): Promise<void> {
    await this.#connect();
    this.#asking = setInterval(() => void this.#ask(), ASK_EVERY_MS).unref();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#asking);
    const client = this.#client;
    this.#client = undefined;
    await client?.end();
  }

  async #connect(): Promise<void> {
    const client = this.#deps.connect();
    client.on('error', (error) => this.#lose(client, error));
    client.on('end', () => this.#lose(client, new Error('the connection was closed')));
    client.on('notification', ({ channel, payload = '' }) => {
      const { channels } = this.#deps;
      if (channel in channels) channels[channel as Channel](payload);
    });
    await client.connect();
    for (const channel of Object.keys(this.#deps.channels)) await client.query(`listen ${channel}`);
    this.#client = client;
  }

  #lose(client: Client, error: unknown): void {
    if (this.#client !== client || this.#stopping.signal.aborted) return;
    this.#client = undefined;
    client.end().catch(() => undefined);
    this.#deps.onLost(error);
    void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
      try {
        // Not all processes at the same moment.
        await pause(wait * (0.5 + Math.random() / 2), undefined, {
          signal: this.#stopping.signal,
          ref: false,
        });
        await this.#connect();
        this.#deps.onMissed();
        return;
      } catch {
        if (this.#stopping.signal.aborted) return;
      }
    }
  }

  async #ask(): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    const late = AbortSignal.timeout(ANSWER_MS);
    try {
      await Promise.race([
        client.query('select 1'),
        new Promise((_resolve, reject) => {
          late.addEventListener('abort', () => reject(new Error('the database does not answer')));
        }),
      ]);
    } catch (error) {
      this.#lose(client, error);
    }
  }
}
