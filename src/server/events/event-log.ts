import { randomBytes } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import type { Resync, TenantEvent } from '../../api/contract/events.ts';
import type { Clock } from '../../platform/clock.ts';
import { prepare } from '../db/prepared.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { isUniqueViolation } from '../db/database-errors.ts';

type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;

/** `at` is now unless given; of events with the same `dedupe` in the log only the first is kept. */
export type NewEvent = (Without<TenantEvent, 'id' | 'at'> | Resync) & {
  at?: string;
  dedupe?: string;
};

/** As it is in the log. */
export interface LoggedEvent {
  seq: number;
  /** What a client resumes from, and the event's id. */
  position: string;
  type: string;
  /** JSON as it is sent. */
  data: string;
}

/** Where a stream begins: after `seq`. `gap` says why a client cannot go on where it was. */
export interface Start {
  seq: number;
  position: string;
  gap: Resync['reason'] | undefined;
}

/** Told inside the transaction, so that others hear of it when it is committed, or never. */
type OnAppend = (
  transaction: Transaction<Schema>,
  tenantId: string,
  numbers: { first: number; last: number },
) => Promise<void>;

interface EventLogOptions {
  kept?: number;
  onAppend?: OnAppend;
  /** Told when it is committed. */
  onAdded?: (count: number) => void;
}

/** Each tenant's newest; about 4 MB. */
const KEPT = 10_000;
const KEPT_MS = 7 * 86_400_000;
const ATTEMPTS = 3;
/** Of a log without events: what is resumed from it is everything. */
const BEGINNING = '0-start';

/**
 * The events of all tenants as a table: what a restart and other server processes must not miss.
 * `seq` has no gaps and is visible in order, because it is the newest committed one plus one.
 */
export class EventLog {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #kept: number;
  readonly #onAppend: OnAppend | undefined;
  readonly #onAdded: ((count: number) => void) | undefined;

  constructor(
    db: Database,
    clock: Clock,
    { kept = KEPT, onAppend, onAdded }: EventLogOptions = {},
  ) {
    this.#db = db;
    this.#clock = clock;
    this.#kept = kept;
    this.#onAppend = onAppend;
    this.#onAdded = onAdded;
  }

  /** @returns what was added; duplicates are left out */
  async append(tenantId: string, events: readonly NewEvent[]): Promise<LoggedEvent[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const added = await this.#db
          .transaction()
          .execute((transaction) => this.#append(transaction, tenantId, events));
        this.#onAdded?.(added.length);
        return added;
      } catch (error) {
        // Another process has just taken this number, or logged the same delivery.
        if (attempt === ATTEMPTS || !isUniqueViolation(error)) throw error;
      }
    }
  }

  /**
   * Says in the tenant's log that events were lost, once for all losses that it does not know of.
   *
   * @returns what was added
   */
  async tellLosses(tenantId: string): Promise<LoggedEvent[]> {
    const [loss] = await lossUntold(this.#db, { tenant: tenantId });
    if (loss === undefined) return [];
    const added = await this.#db.transaction().execute(async (transaction) => {
      const { numUpdatedRows } = await transaction
        .updateTable('tenants')
        .set({ told_losses: loss.number })
        .where('id', '=', tenantId)
        .where('told_losses', '<', loss.number)
        .executeTakeFirst();
      // Another one was faster.
      if (numUpdatedRows === 0n) return [];
      return this.#append(transaction, tenantId, [{ type: 'resync', reason: 'events-lost' }]);
    });
    this.#onAdded?.(added.length);
    return added;
  }

  async #append(
    db: Transaction<Schema>,
    tenantId: string,
    events: readonly NewEvent[],
  ): Promise<LoggedEvent[]> {
    // One after the other: a number is taken when the one before it is committed.
    await db
      .selectFrom('tenants')
      .select('id')
      .where('id', '=', tenantId)
      .forNoKeyUpdate()
      .executeTakeFirst();
    const fresh = await this.#withoutKnown(db, tenantId, events);
    if (fresh.length === 0) return [];
    const newest = await newestOf(db, tenantId);
    const logged_at = new Date(this.#clock.now()).toISOString();
    const rows = fresh.map(({ dedupe, ...event }, index) => ({
      tenant_id: tenantId,
      seq: (newest?.seq ?? 0) + 1 + index,
      tag: randomBytes(6).toString('base64url'),
      logged_at,
      data: JSON.stringify(event.type === 'resync' ? event : { at: logged_at, ...event }),
      dedupe: dedupe ?? null,
    }));
    await db.insertInto('tenant_events').values(rows).execute();
    const last = rows.at(-1)?.seq ?? 0;
    await db
      .deleteFrom('tenant_events')
      .where('tenant_id', '=', tenantId)
      .where('seq', '<=', last - this.#kept)
      .execute();
    await this.#onAppend?.(db, tenantId, { first: last - rows.length + 1, last });
    return rows.map(toLogged);
  }

  async #withoutKnown(
    db: Kysely<Schema>,
    tenantId: string,
    events: readonly NewEvent[],
  ): Promise<NewEvent[]> {
    const keys = events.flatMap(({ dedupe }) => (dedupe === undefined ? [] : [dedupe]));
    if (keys.length === 0) return [...events];
    const rows = await db
      .selectFrom('tenant_events')
      .select('dedupe')
      .where('tenant_id', '=', tenantId)
      .where('dedupe', 'in', keys)
      .execute();
    const known = new Set(rows.map(({ dedupe }) => dedupe));
    return events.filter(({ dedupe }) => {
      if (dedupe === undefined) return true;
      const repeated = known.has(dedupe);
      known.add(dedupe);
      return !repeated;
    });
  }

  /** What comes after `seq`, oldest first. The first may be later than `seq + 1`: then some are gone. */
  async after(tenantId: string, seq: number, limit: number): Promise<LoggedEvent[]> {
    const rows = await this.#db
      .selectFrom('tenant_events')
      .select(['seq', 'tag', 'data'])
      .where('tenant_id', '=', tenantId)
      .where('seq', '>', seq)
      .orderBy('seq')
      .limit(limit)
      .execute();
    return rows.map(toLogged);
  }

  /**
   * Where a client that names `position` goes on: there, or at the end of the log with a gap.
   * Without a position at the end.
   */
  async locate(tenantId: string, position: string | undefined): Promise<Start> {
    const newest = await newestOf(this.#db, tenantId);
    const end = {
      seq: newest?.seq ?? 0,
      position: newest === undefined ? BEGINNING : positionOf(newest),
    };
    if (position === undefined) return { ...end, gap: undefined };
    const gap = await this.#gapBefore(tenantId, position, end.seq);
    if (gap !== undefined) return { ...end, gap };
    return { seq: Number.parseInt(position, 10), position, gap: undefined };
  }

  async #gapBefore(
    tenantId: string,
    position: string,
    newest: number,
  ): Promise<Resync['reason'] | undefined> {
    if (position === BEGINNING) {
      const [oldest] = await this.after(tenantId, 0, 1);
      return oldest === undefined || oldest.seq === 1 ? undefined : 'position-too-old';
    }
    const seq = Number(/^([1-9]\d{0,14})-[\w-]{8}$/.exec(position)?.[1] ?? Number.NaN);
    // Beyond the end: a database that was restored, or another one.
    if (Number.isNaN(seq) || seq > newest) return 'position-unknown';
    const [row] = await this.after(tenantId, seq - 1, 1);
    if (row?.seq !== seq) return 'position-too-old';
    return row.position === position ? undefined : 'position-unknown';
  }

  /** Forgets what is too old, of every tenant all but its newest. @returns how many */
  async prune(): Promise<number> {
    const before = new Date(this.#clock.now() - KEPT_MS).toISOString();
    const { numDeletedRows } = await this.#db
      .deleteFrom('tenant_events')
      .where('logged_at', '<', before)
      .where((where) =>
        where(
          'seq',
          '<',
          where
            .selectFrom('tenant_events as newer')
            .select(({ fn }) => fn.max('newer.seq').as('seq'))
            .whereRef('newer.tenant_id', '=', 'tenant_events.tenant_id'),
        ),
      )
      .executeTakeFirst();
    return Number(numDeletedRows);
  }
}

/** Asked by every stream that begins. */
const lossUntold = prepare(['tenant'], (db, { tenant }) =>
  db
    .selectFrom('tenants')
    .innerJoin('event_losses', (join) => join.onRef('number', '>', 'told_losses'))
    .select('number')
    .where('tenants.id', '=', tenant),
);

async function newestOf(
  db: Kysely<Schema>,
  tenantId: string,
): Promise<{ seq: number; tag: string } | undefined> {
  return db
    .selectFrom('tenant_events')
    .select(['seq', 'tag'])
    .where('tenant_id', '=', tenantId)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
}

const positionOf = ({ seq, tag }: { seq: number; tag: string }): string => `${seq}-${tag}`;

function toLogged(row: { seq: number; tag: string; data: string }): LoggedEvent {
  const event = JSON.parse(row.data) as { type: string };
  const position = positionOf(row);
  const data = event.type === 'resync' ? row.data : JSON.stringify({ id: position, ...event });
  return { seq: row.seq, position, type: event.type, data };
}
