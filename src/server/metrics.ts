import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Seconds: from what a read from memory takes to what a client gives up on. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What the pool of connections says of itself. */
interface PoolCounts {
  totalCount: number;
  idleCount: number;
  waitingCount: number;
}

/** For Prometheus. Labels are routes, outcomes and names of jobs: nothing that names a tenant. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #registers = [this.#registry];
  readonly requests = new Histogram({
    name: 'cloud_http_request_duration_seconds',
    help: 'Requests by method, route and status.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: BUCKETS,
    registers: this.#registers,
  });
  readonly issuances = new Counter({
    name: 'cloud_issuances_total',
    help: 'Bucket keys that were asked for, by outcome: issued, refused or failed.',
    labelNames: ['outcome'] as const,
    registers: this.#registers,
  });
  readonly events = new Counter({
    name: 'cloud_events_total',
    help: 'Events that this process has added to the log of a tenant.',
    registers: this.#registers,
  });
  readonly streams = new Gauge({
    name: 'cloud_event_streams',
    help: 'Clients that are connected to the stream of events of this process.',
    registers: this.#registers,
  });
  readonly jobs = new Histogram({
    name: 'cloud_job_duration_seconds',
    help: 'Runs of jobs by this process, by outcome: done or failed.',
    labelNames: ['job', 'outcome'] as const,
    buckets: [0.01, 0.1, 1, 10, 60, 600],
    registers: this.#registers,
  });

  constructor(pool: PoolCounts | undefined) {
    collectDefaultMetrics({ register: this.#registry });
    if (pool === undefined) return;
    new Gauge({
      name: 'cloud_database_connections',
      help: 'Connections to the database: busy, idle, and who waits for one.',
      labelNames: ['state'] as const,
      registers: this.#registers,
      collect() {
        const { totalCount, idleCount, waitingCount } = pool;
        this.set({ state: 'busy' }, totalCount - idleCount);
        this.set({ state: 'idle' }, idleCount);
        this.set({ state: 'waiting' }, waitingCount);
      },
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
