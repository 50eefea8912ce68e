import type { Transaction } from 'kysely';
import { notify } from '../db/notifications.ts';
import type { Schema } from '../db/schema.ts';
import { LocalEventBus } from './event-bus.ts';
import type { EventLog } from './event-log.ts';

/** Tells all processes which numbers of which tenant are new; the log has the events themselves. */
export function announceInTransaction(
  transaction: Transaction<Schema>,
  tenantId: string,
  numbers: { first: number; last: number },
): Promise<void> {
  return notify(transaction, 'cloud_events', `${tenantId} ${numbers.first} ${numbers.last}`);
}

interface Range {
  first: number;
  last: number;
}

/** The streams of a tenant may be in any process: what is published reaches them by LISTEN. */
export class PostgresEventBus extends LocalEventBus {
  readonly #onError: (error: unknown) => void;
  /** What has been announced and not been read; at most one read of a tenant is under way. */
  readonly #announced = new Map<string, Range>();
  readonly #reading = new Set<string>();

  constructor(log: EventLog, onError: (error: unknown) => void) {
    super(log);
    this.#onError = onError;
  }

  /** Our own streams hear of it like all others. */
  protected override logged(): void {}

  /** @param payload of `announceInTransaction` */
  announced(payload: string): void {
    const [tenantId = '', ...numbers] = payload.split(' ');
    const [first = 0, last = 0] = numbers.map(Number);
    if (!this.hasListeners(tenantId)) return;
    const known = this.#announced.get(tenantId);
    this.#announced.set(tenantId, {
      first: Math.min(first, known?.first ?? first),
      last: Math.max(last, known?.last ?? last),
    });
    if (!this.#reading.has(tenantId)) void this.#read(tenantId);
  }

  /** Announcements may have been missed: every stream looks at the log. */
  resync(): void {
    for (const tenantId of this.listened()) this.deliver(tenantId, []);
    this.lost();
  }

  /** Some process has announced that events were lost. */
  lost(): void {
    this.tellLosses().catch(this.#onError);
  }

  /** Once for all streams of the tenant in this process. */
  async #read(tenantId: string): Promise<void> {
    this.#reading.add(tenantId);
    try {
      for (;;) {
        const range = this.#announced.get(tenantId);
        if (range === undefined) return;
        this.#announced.delete(tenantId);
        const { first, last } = range;
        this.deliver(tenantId, await this.after(tenantId, first - 1, last - first + 1));
      }
    } catch (error) {
      this.#onError(error);
      this.deliver(tenantId, []);
    } finally {
      this.#reading.delete(tenantId);
    }
  }
}
