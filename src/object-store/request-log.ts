/** One answered request. No header, query or secret is kept. */
export interface RequestEntry {
  /** Milliseconds since the epoch when it arrived. */
  at: number;
  operation: string;
  bucket: string | undefined;
  key: string | undefined;
  accessKeyId: string | undefined;
  /** HTTP status; 0 when the connection was cut. */
  status: number;
  errorCode: string | undefined;
  /** Milliseconds until the reply was handed to the system. */
  durationMs: number;
}

export interface OperationCount {
  requests: number;
  /** Replies of 400 and above, and cut connections. */
  errors: number;
}

/** Counters by operation since the start or the last reset, and on demand each request. */
export class RequestLog {
  readonly #counts = new Map<string, OperationCount>();
  readonly #listeners = new Set<(entry: RequestEntry) => void>();

  /** Requests of one operation (`PutObject`, `CreateAccessKey` …), or of all. */
  count(operation?: string): number {
    if (operation !== undefined) return this.#counts.get(operation)?.requests ?? 0;
    let total = 0;
    for (const { requests } of this.#counts.values()) total += requests;
    return total;
  }

  /** A copy of all counters. */
  counts(): Record<string, OperationCount> {
    return Object.fromEntries([...this.#counts].map(([name, count]) => [name, { ...count }]));
  }

  reset(): void {
    this.#counts.clear();
  }

  /** Calls `listener` after each request, until the returned function is called. */
  listen(listener: (entry: RequestEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  record(entry: RequestEntry): void {
    let count = this.#counts.get(entry.operation);
    if (count === undefined)
      this.#counts.set(entry.operation, (count = { requests: 0, errors: 0 }));
    count.requests += 1;
    if (entry.status === 0 || entry.status >= 400) count.errors += 1;
    for (const listener of this.#listeners) listener(entry);
  }
}
