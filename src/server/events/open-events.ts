import type { Clock } from '../../platform/clock.ts';
import { NotificationListener, notify } from '../db/notifications.ts';
import type { Database } from '../db/sqlite.ts';
import type { OpenDatabase } from '../db/open-database.ts';
import type { SigningKeys } from '../domain/signing-keys.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { RequestRate } from '../plugins/request-rate.ts';
import { LocalEventBus, type EventBus } from './event-bus.ts';
import { EventLog } from './event-log.ts';
import { announceInTransaction, PostgresEventBus } from './postgres-event-bus.ts';

export interface Events {
  log: EventLog;
  bus: EventBus;
  /** Whether this process hears of what others publish. */
  isListening: () => boolean;
}

interface EventsDeps extends Pick<OpenDatabase, 'db' | 'postgres'> {
  clock: Clock;
  keys: SigningKeys;
  logger: Pick<Logger, 'warn' | 'error'>;
  metrics: Metrics;
  rate: RequestRate;
}

/** How long what one process counts may be unknown to the others, in milliseconds. */
const TELL_RATES_EVERY_MS = 1000;

/** On SQLite this process is the only one; on PostgreSQL all of them hear of everything. */
export async function openEvents(
  { db, postgres, clock, keys, logger, metrics, rate }: EventsDeps,
  opened: AsyncDisposableStack,
): Promise<Events> {
  const onAdded = (count: number): void => metrics.events.inc(count);
  if (postgres === undefined) {
    const log = new EventLog(db, clock, { onAdded });
    return { log, bus: new LocalEventBus(log), isListening: () => true };
  }
  const log = new EventLog(db, clock, { onAppend: announceInTransaction, onAdded });
  const bus = new PostgresEventBus(log, (err) => logger.error({ err }, 'events were not read'));
  const reloadKeys = (): void => {
    keys.reload().catch((err: unknown) => logger.error({ err }, 'signing keys were not read'));
  };
  const listener = new NotificationListener({
    connect: () => postgres.client(),
    channels: {
      cloud_events: (payload) => bus.announced(payload),
      cloud_losses: () => bus.lost(),
      cloud_keys: reloadKeys,
      cloud_rates: (payload) => rate.hear(payload),
    },
    onMissed: () => {
      bus.resync();
      reloadKeys();
    },
    onLost: (err) => logger.warn({ err }, 'the connection that listens was lost'),
  });
  opened.defer(() => listener.stop());
  await listener.start();
  opened.defer(tellRates(rate, db));
  return { log, bus, isListening: () => listener.isListening };
}

/** @returns what ends it */
function tellRates(rate: RequestRate, db: Database): () => void {
  const timer = setInterval(() => {
    const told = rate.tell();
    // While the database is away each process counts for itself.
    if (told !== undefined) notify(db, 'cloud_rates', told).catch(() => undefined);
  }, TELL_RATES_EVERY_MS).unref();
  return () => clearInterval(timer);
}
