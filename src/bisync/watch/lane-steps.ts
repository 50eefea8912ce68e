import type { BisyncEvent, RunContext } from '../run-context.ts';
import type { S3RequestError } from '../../s3/errors.ts';
import type { Agenda, Step } from './agenda.ts';
import type { LaneRules } from './judge.ts';
import { takeLane, type LaneOutcome } from './lane.ts';
import { NeedsRun, PairSlices } from './slices.ts';
import type { StorageAccess } from './storage-access.ts';
import type { Teller } from './teller.ts';
import type { WatchingParts } from './watching-parts.ts';

/** A delete waits so long for its other half: a rename, or a file that is written anew. */
export const DELETE_AFTER_MS = 1000;
const SOON_MS = 500;
/** What the lane has settled is folded into the baseline from there on. */
const OVERLAY_BYTES = 8 * 1024 * 1024;

interface LaneParts {
  agenda: Agenda;
  storage: StorageAccess;
  teller: Teller;
  /** Ends what is under way. */
  signal: AbortSignal;
  /** Nothing new is taken from then on. */
  stopping: AbortSignal;
}

/** What the agenda gives to the lane, and what comes of it. */
export class LaneSteps {
  readonly #around: WatchingParts;
  readonly #parts: LaneParts;
  readonly #slices: PairSlices;
  readonly #inDoubt = new Set<string>();

  constructor(around: WatchingParts, parts: LaneParts) {
    this.#around = around;
    this.#parts = parts;
    const { options, host, pair } = around;
    this.#slices = new PairSlices(options, host, pair, () => parts.storage.access);
  }

  /** A run begins, which changes what both sides agree on. */
  forget(): void {
    this.#slices.forget();
  }

  /** A run has ended: what became of each write is known. */
  doubtsAreOver(): void {
    this.#inDoubt.clear();
  }

  /**
   * @returns the failure of a storage that did not answer
   * @throws what ends the whole step
   */
  async take({
    local,
    remote,
  }: Extract<Step, { type: 'lane' }>): Promise<S3RequestError | undefined> {
    const { agenda, storage, teller, signal, stopping } = this.#parts;
    teller.begin('lane', [...local, ...remote]);
    const around = {
      ...{ s3: storage.client, signal, stopping },
      onEvent: (event: BisyncEvent) => teller.tell(event),
    };
    let outcome: LaneOutcome;
    try {
      outcome = await this.#slices.take(around, (run, open) => {
        const rules = this.#rules(run, open);
        return takeLane(run, { local, remote, deleting: agenda.awaits('deleted') }, rules);
      });
    } catch (error) {
      if (!(error instanceof NeedsRun)) throw error;
      agenda.needRun('state', this.#now());
      return undefined;
    }
    this.#takeOutcome(outcome);
    if ((await this.#slices.overlayBytes()) > OVERLAY_BYTES) {
      agenda.needRun('overlay', this.#now());
    }
    return outcome.unreachable;
  }

  #rules(run: RunContext, open: readonly { path: string }[]): LaneRules {
    const { filter, leftOut } = this.#around.local.survey;
    return {
      ...{ filter, leftOut, names: run.names, inDoubt: this.#inDoubt },
      gitignore: this.#around.options.gitignore === true,
      inConflict: new Set(open.map(({ path }) => path)),
    };
  }

  #takeOutcome(outcome: LaneOutcome): void {
    const { board } = this.#around;
    const { agenda } = this.#parts;
    const now = this.#now();
    for (const { hint, until } of outcome.again) agenda.postpone(hint, until);
    // A file that takes long to send is not sent again at once: at most a quarter of the time.
    for (const [path, ms] of outcome.took) agenda.rest(path, now + 3 * ms, now);
    for (const path of outcome.inDoubt) this.#inDoubt.add(path);
    for (const path of outcome.well) board.well(path);
    for (const { path, message } of outcome.problems) board.problem(path, message);
    for (const reason of outcome.runs) {
      const wait = reason === 'deleted' ? DELETE_AFTER_MS : reason === 'burst' ? 0 : SOON_MS;
      agenda.needRun(reason, now + wait);
    }
  }

  #now(): number {
    return this.#around.host.clock.now();
  }
}
