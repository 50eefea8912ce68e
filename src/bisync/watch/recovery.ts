import { AbortError } from '../../output/errors.ts';
import { S3RequestError } from '../../s3/errors.ts';
import { ACCESS_FILE } from '../filters/own-files.ts';
import type { Agenda } from './agenda.ts';
import { offline, troubleOf } from './ends.ts';
import type { Flushes } from './flushes.ts';
import { Retry } from './retry.ts';
import type { StorageAccess } from './storage-access.ts';
import type { WatchingParts } from './watching-parts.ts';

const PROBE_WITHIN_MS = 10_000;
const GUARD_AGAIN_MS = 5000;

interface RecoveryParts {
  agenda: Agenda;
  storage: StorageAccess;
  flushes: Flushes;
  stopped: AbortSignal;
}

/** What a watcher does where something does not work: it is tried again with back-off, or a person is needed. */
export class Recovery {
  readonly #around: WatchingParts;
  readonly #parts: RecoveryParts;
  readonly #retry: Retry;
  /** A guard has stopped the last run. */
  #guarded = false;

  constructor(around: WatchingParts, parts: RecoveryParts) {
    this.#around = around;
    this.#parts = parts;
    this.#retry = new Retry(around.random);
  }

  /** When it is tried again; undefined while nothing is wrong. */
  get againAt(): number | undefined {
    return this.#retry.at;
  }

  get trouble(): { kind: 'offline' | 'error'; message: string } | undefined {
    const { kind, message } = this.#retry;
    return kind === undefined ? undefined : { kind, message };
  }

  /** Something speaks for its being over. */
  soon(): void {
    this.#retry.soon(this.#now());
  }

  /** A run has come to its end. */
  succeeded(): void {
    this.#retry.succeeded();
    this.#guarded = false;
  }

  /**
   * The network, the storage or the disk does not do now what it should; or a person is needed.
   *
   * @throws what needs a person
   */
  failed(failure: unknown): void {
    const { agenda, flushes } = this.#parts;
    const trouble = troubleOf(failure);
    const now = this.#now();
    if (trouble.type === 'end') {
      // In the middle of a checkout more may seem to be gone than is: it is looked at once more.
      if (this.#guarded || !isGuard(trouble.error)) throw trouble.error;
      this.#guarded = true;
      agenda.needRun('guard', now + GUARD_AGAIN_MS);
      return;
    }
    if (trouble.type === 'key') {
      agenda.needRun('key', now);
      return;
    }
    const { kind, error } = trouble;
    const [cure = null] = error.suggestions;
    this.#retry.failed(kind, error.message, now);
    if (kind !== 'offline') this.#around.board.problem(error.code, error.message, cure);
    agenda.needRun('back', now);
    flushes.fail(error);
  }

  /** Offline, one small request asks whether it is worth comparing everything. */
  async tryAgain(): Promise<void> {
    const { agenda, storage, flushes, stopped } = this.#parts;
    if (this.#retry.kind === 'offline') {
      try {
        const soon = AbortSignal.any([stopped, AbortSignal.timeout(PROBE_WITHIN_MS)]);
        await storage.client.head(ACCESS_FILE, soon);
      } catch (error) {
        if (!(error instanceof S3RequestError) || error.ambiguous) {
          this.#retry.failed('offline', this.#retry.message, this.#now());
          flushes.fail(offline(this.#retry.message));
          return;
        }
        // It answers; what it says is for the run to understand.
      }
    }
    this.#retry.letTry();
    agenda.needRun('back', this.#now());
  }

  #now(): number {
    return this.#around.host.clock.now();
  }
}

function isGuard(error: unknown): boolean {
  const codes = ['halted-delete-guard', 'halted-root-emptied'];
  return error instanceof AbortError && codes.includes(error.code);
}
