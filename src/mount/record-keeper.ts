import { utimes } from 'node:fs';
import type { ErrorReport } from '../output/errors.ts';
import type { Host } from '../platform/host.ts';
import { mountFolders } from './identity.ts';
import { writeRecord, type MountProblem, type MountRecord } from './record.ts';

/** What a mount that was ended has no longer. */
const GONE = { supervisor: null, control: null, rclone: null } as const;

/** The supervisor's record, in memory and on disk; only the supervisor writes it while it lives. */
export class RecordKeeper {
  readonly #host: Host;
  readonly #reportOf: (error: unknown) => ErrorReport;
  #record: MountRecord;
  #saving: Promise<void> = Promise.resolve();

  constructor(host: Host, record: MountRecord, reportOf: (error: unknown) => ErrorReport) {
    this.#host = host;
    this.#record = record;
    this.#reportOf = reportOf;
  }

  get record(): MountRecord {
    return this.#record;
  }

  /** One write after the other, so that the last state is the one that stays. */
  save(change: Partial<MountRecord>): Promise<void> {
    const moved = change.state !== undefined && change.state !== this.#record.state;
    const since = moved ? { since: this.#now() } : {};
    this.#record = { ...this.#record, ...since, ...change };
    const snapshot = this.#record;
    this.#saving = this.#saving
      .catch(() => undefined)
      .then(() => writeRecord(this.#host.places, snapshot));
    return this.#saving;
  }

  /**
   * The same where the mount matters more than the note: on a full disk it goes on, and so does
   * the unmounting, and the note is made with the next one.
   */
  async note(change: Partial<MountRecord>): Promise<void> {
    await this.save(change).catch(() => undefined);
  }

  /** Shows to whoever gets no answer that this process lives: the record's time is now. */
  beat(): void {
    const now = new Date(this.#host.clock.now());
    utimes(mountFolders(this.#host.places, this.#record.id).record, now, now, () => undefined);
  }

  /** Notes that it was ended in order, or with a problem that ended it. */
  saveEnded(state: 'unmounted' | 'dead', problem?: unknown): Promise<void> {
    return this.save({
      ...GONE,
      state,
      problem: problem === undefined ? null : this.problemOf(problem),
    });
  }

  problemOf(error: unknown): MountProblem {
    const { code, message, suggestions } = this.#reportOf(error);
    return { code, message, suggestions, at: this.#now() };
  }

  #now(): string {
    return new Date(this.#host.clock.now()).toISOString();
  }
}
