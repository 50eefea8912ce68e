import { TENANT_REFUSALS } from '../api/contract/problem.ts';
import { AbortError } from '../output/errors.ts';
import type { Log } from '../output/log.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import { isRefusal } from './credentials.ts';
import { accessDenied, assess, keysRefused, unreachable, type Health } from './health.ts';
import type { KeyRenewal } from './key-renewal.ts';
import { findOpenFiles } from './open-files.ts';
import type { RecordKeeper } from './record-keeper.ts';
import type { ServedMount } from './serve.ts';

export interface UpkeepDeps {
  host: Host;
  keeper: RecordKeeper;
  keys: KeyRenewal;
  log: Log;
  /** Whether events would tell that the keys were revoked. */
  isTold: () => boolean;
  /** The storage answers again: what changed there meanwhile should show. */
  onAnswers: () => void;
}

/** Looks in a row without an answer from rclone before it is ended and started again. */
const MAX_SILENCES = 4;
/** How often the storage is asked whether it still takes the keys, where nothing else tells. */
const PROBE_EVERY_MS = 5 * 60_000;
const PROBE_WITHIN_MS = 10_000;
const QUIET_EVERY_MS = 200;
const QUIET_LOOKS = 20;

/** Looks after a running mount, every few seconds: does rclone answer, do uploads go through, are the keys good. */
export class Upkeep {
  readonly #deps: UpkeepDeps;
  #silences = 0;
  #probedAt: number;
  #unreachable = false;
  #refused = false;
  /** Why the server gives no other keys, where an administrator can change that. */
  #denied: AbortError | undefined;
  /** What waits is worth another try as soon as the storage answers. */
  #expediteAll = false;
  #replaced = false;
  /** Other keys were stored while these still work. */
  #rotated = false;

  constructor(deps: UpkeepDeps) {
    this.#deps = deps;
    this.#probedAt = deps.host.clock.now();
  }

  /** As far as is known: it was reached when last asked, and took the keys. */
  get storageAnswers(): boolean {
    return !this.#unreachable && !this.#refused;
  }

  /** Whether the rclone that has just ended was ended here, for another one with other keys. */
  takeReplaced(): boolean {
    const replaced = this.#replaced;
    this.#replaced = false;
    return replaced;
  }

  /** An event, or the end of all events, says that something changed: the storage is asked at the next look. */
  askSoon(): void {
    this.#probedAt = -Infinity;
    this.#deps.keys.retrySoon();
  }

  /** A person has replaced the stored keys; these work on until nobody notices the change. */
  useStoredKeysSoon(): void {
    this.#rotated = true;
    this.#deps.keys.retrySoon();
  }

  /** The machine slept: connections are dead, and what waits is worth another try. */
  wokeUp(): void {
    this.#deps.log.write('info', 'the clock jumped: this machine slept', {});
    this.askSoon();
    this.#expediteAll = true;
  }

  /** @returns how it is, after what could be done about it was done */
  async look(served: ServedMount): Promise<Health> {
    const health = await assess(served.vfs);
    this.#silences = health.answers ? 0 : this.#silences + 1;
    if (this.#silences >= MAX_SILENCES) {
      this.#silences = 0;
      await served.stop(0);
      return health;
    }
    if (!health.answers) return health;
    await this.#probe(served, health);
    const refused = this.#refused;
    await this.#renewKeys(served, refused || health.problem?.exitCode === ExitCode.auth);
    if (this.#denied !== undefined) return { ...health, state: 'degraded', problem: this.#denied };
    if (health.problem !== undefined) return health;
    if (refused) return { ...health, state: 'degraded', problem: keysRefused() };
    return this.#unreachable ? { ...health, state: 'degraded', problem: unreachable() } : health;
  }

  /**
   * Asks the storage now and then, and while uploads fail. When it can be reached again, what waits
   * goes out at once instead of after rclone's own, growing pause, and what changed there is looked for.
   */
  async #probe({ vfs }: ServedMount, { problem }: Health): Promise<void> {
    const { clock } = this.#deps.host;
    const failing = problem !== undefined || !this.storageAnswers || this.#expediteAll;
    const due = !this.#deps.isTold() && clock.now() - this.#probedAt >= PROBE_EVERY_MS;
    if (!failing && !due && this.#probedAt !== -Infinity) return;
    this.#probedAt = clock.now();
    try {
      await vfs.probe({ timeoutMs: PROBE_WITHIN_MS });
    } catch (error) {
      this.#refused = error instanceof Error && isRefusal(error.message);
      this.#unreachable = !this.#refused;
      return;
    }
    if (!this.storageAnswers || this.#expediteAll) {
      const waiting = (await vfs.queue()).filter(({ uploading }) => !uploading);
      for (const { id } of waiting) await vfs.expedite(id);
      this.#deps.onAnswers();
    }
    this.#unreachable = false;
    this.#refused = false;
    this.#denied = undefined;
    this.#expediteAll = false;
    this.#deps.keys.worked();
  }

  /** A gateway takes other keys as it runs; an rclone takes none, so another one is started. */
  async #renewKeys(served: ServedMount, refused: boolean): Promise<void> {
    const { keeper, keys, log } = this.#deps;
    const { credentialId, credentialExpiresAt } = keeper.record;
    const lasts = keys.endsSoon(credentialId, credentialExpiresAt);
    const ends = lasts === 'no' && this.#rotated ? 'soon' : lasts;
    if (!refused && ends === 'no') return;
    // Keys that still work can wait for a moment in which nobody notices.
    const canWait = !refused && ends === 'soon' && served.useKeys === undefined;
    if (canWait && !(await this.#becomesQuiet(served))) return;
    const { keys: other, error } = await keys.other(credentialId);
    if (error !== undefined) {
      log.write('warn', 'no other keys', { error: messageOf(error) });
      const isDenied = error instanceof AbortError && TENANT_REFUSALS.has(error.code);
      this.#denied = isDenied ? accessDenied(error) : undefined;
    }
    this.#rotated = false;
    if (other === undefined) return;
    log.write('info', 'new keys', { credentialId: other.credentialId });
    this.#refused = false;
    if (served.useKeys === undefined) {
      this.#replaced = true;
      await served.stop(2000);
      return;
    }
    served.useKeys(other);
    const { credentialId: id, expiresAt } = other;
    await keeper.note({ credentialId: id, credentialExpiresAt: expiresAt });
    this.#expediteAll = true;
  }

  /** Somebody waits for a rotation, so the pauses of a busy folder are looked for more closely. */
  async #becomesQuiet(served: ServedMount): Promise<boolean> {
    for (let looks = this.#rotated ? QUIET_LOOKS : 1; looks > 0; looks -= 1) {
      if (await this.#isQuiet(served)) return true;
      if (looks > 1) await this.#deps.host.clock.sleep(QUIET_EVERY_MS);
    }
    return false;
  }

  async #isQuiet({ vfs }: ServedMount): Promise<boolean> {
    const { host, keeper } = this.#deps;
    if ((await vfs.queue()).length > 0) return false;
    return (await findOpenFiles(keeper.record.path, host.platform)).length === 0;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
