import type { Clock } from '../platform/clock.ts';
import type { Faults } from './faults.ts';
import type { ObjectSummary, RowSource } from './listing.ts';

interface Change {
  at: number;
  bucket: number;
  key: string;
  /** What a listing showed of the key until then. */
  before: ObjectSummary | undefined;
}

/**
 * The fault "delayed listings": for a while a listing shows what was there before a write, as an
 * eventually consistent bucket does. Without the fault nothing is remembered.
 */
export class RecentChanges {
  readonly #clock: Clock;
  readonly #faults: Faults;
  #changes: Change[] = [];

  constructor(clock: Clock, faults: Faults) {
    this.#clock = clock;
    this.#faults = faults;
  }

  note(bucket: number, key: string, before: ObjectSummary | undefined): void {
    if (this.#faults.settings.listingDelayMs === 0) {
      if (this.#changes.length > 0) this.#changes = [];
      return;
    }
    this.#changes.push({ at: this.#clock.now(), bucket, key, before });
  }

  /** Rows as they were before the changes that are still to be hidden. */
  apply(bucket: number, rows: RowSource): RowSource {
    const hidden = this.#hidden(bucket);
    if (hidden.size === 0) return rows;
    return (position, before, limit) => {
      const { rows: found, readTo } = rows(position, before, limit);
      const shown = found.filter((row) => !hidden.has(row.key));
      for (const row of hidden.values()) {
        if (row === undefined || order(row.key, position.from) < (position.inclusive ? 0 : 1))
          continue;
        if (before !== undefined && order(row.key, before) >= 0) continue;
        if (readTo === undefined || order(row.key, readTo) <= 0) shown.push(row);
      }
      return { rows: shown.sort((a, b) => order(a.key, b.key)), readTo };
    };
  }

  #hidden(bucket: number): Map<string, ObjectSummary | undefined> {
    const horizon = this.#clock.now() - this.#faults.settings.listingDelayMs;
    this.#changes = this.#changes.filter((change) => change.at > horizon);
    const hidden = new Map<string, ObjectSummary | undefined>();
    for (const { bucket: where, key, before } of this.#changes) {
      // Of several changes the oldest knows what was shown.
      if (where === bucket && !hidden.has(key)) hidden.set(key, before);
    }
    return hidden;
  }
}

/** UTF-8 order, as the index has it. */
function order(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
