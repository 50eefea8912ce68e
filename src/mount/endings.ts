import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { PendingWork } from './pending.ts';

interface Ending {
  force: boolean;
  withdraw: AbortController;
  kept: Promise<PendingWork>;
}

/**
 * The unmounting of one mount, one at a time: who asks meanwhile gets the same answer, but who
 * forces it cuts the wait for the uploads short.
 */
export class Endings {
  #current: Ending | undefined;

  get underWay(): boolean {
    return this.#current !== undefined;
  }

  /** Resolves when none is under way any more, however it went. */
  async over(): Promise<void> {
    await this.#current?.kept.catch(() => undefined);
  }

  /** @param signal withdraws the request, as long as nothing is unmounted */
  async end(
    force: boolean,
    signal: AbortSignal | undefined,
    run: (signal: AbortSignal) => Promise<PendingWork>,
  ): Promise<PendingWork> {
    if (force && this.#current?.force === false) {
      this.#current.withdraw.abort(forcedMeanwhile());
      await this.over();
    }
    this.#current ??= this.#begin(force, signal, run);
    return this.#current.kept;
  }

  #begin(
    force: boolean,
    signal: AbortSignal | undefined,
    run: (signal: AbortSignal) => Promise<PendingWork>,
  ): Ending {
    const withdraw = new AbortController();
    const signals = [withdraw.signal, ...(signal === undefined ? [] : [signal])];
    const kept = run(AbortSignal.any(signals)).finally(() => {
      this.#current = undefined;
    });
    return { force, withdraw, kept };
  }
}

function forcedMeanwhile(): AbortError {
  return new AbortError('forced-meanwhile', 'Somebody else forces this unmount.', {
    exitCode: ExitCode.mount,
  });
}
