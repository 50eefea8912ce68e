import { SYNC_KEYS, type SyncNotice } from '../../api/contract/events.ts';
import type { Clock } from '../../platform/clock.ts';

type Change = NonNullable<SyncNotice['changes']>[number];

/** What comes together is announced together. */
const GATHER_MS = 50;
/** A storage that notifies has done it by then. */
const ECHO_MS = 30_000;

/**
 * Tells the server of our own uploads, so that other devices hear of them where the storage does not
 * notify by itself (SPEC-8, Layer 3). Whether it does shows: its notifications come back to us. An
 * announcement is a courtesy; what fails is made good by the others' next comparison.
 */
export class Announcer {
  readonly #announce: ((notice: SyncNotice) => Promise<void>) | undefined;
  readonly #origin: string;
  readonly #clock: Clock;
  #changes = new Map<string, Change>();
  #sending: Promise<void> | undefined;
  #heard = false;
  /** The first write since which the storage has been silent. */
  #silentSince: number | undefined;

  constructor(
    announce: ((notice: SyncNotice) => Promise<void>) | undefined,
    origin: string,
    clock: Clock,
  ) {
    this.#announce = announce;
    this.#origin = origin;
    this.#clock = clock;
  }

  /** The storage itself has told of something. */
  heardStorage(): void {
    this.#heard = true;
    this.#silentSince = undefined;
  }

  /** We have changed this object. */
  changed(change: Change): void {
    if (this.#announce === undefined) return;
    const now = this.#clock.now();
    this.#silentSince ??= now;
    if (this.#heard && now - this.#silentSince < ECHO_MS) return;
    this.#heard = false;
    this.#changes.set(change.key, change);
    this.#sending ??= this.#send(this.#announce).finally(() => {
      this.#sending = undefined;
    });
  }

  /** Resolves when nothing is left to be told. */
  async settled(): Promise<void> {
    await this.#sending;
  }

  async #send(announce: (notice: SyncNotice) => Promise<void>): Promise<void> {
    while (this.#changes.size > 0) {
      await this.#clock.sleep(GATHER_MS);
      const changes = [...this.#changes.values()];
      this.#changes.clear();
      const origin = this.#origin;
      try {
        await announce(changes.length > SYNC_KEYS ? { origin } : { origin, changes });
      } catch {
        // The server is away, or does not know this: others compare on their own.
      }
    }
  }
}
