/** Restarts of rclone within this time, in milliseconds, are counted together. */
const WINDOW_MS = 10 * 60_000;
const MOST = 6;

/** Tells an rclone that dies now and then from one that cannot live. */
export class Restarts {
  #at: number[] = [];

  /** @returns whether it is given up */
  add(now: number): boolean {
    this.#at = [...this.#at.filter((at) => now - at < WINDOW_MS), now];
    return this.#at.length > MOST;
  }
}
