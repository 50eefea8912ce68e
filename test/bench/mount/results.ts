/** Milliseconds, or how a command failed; by contender and measure, a value a round. */
export class Results {
  readonly #times = new Map<string, number[]>();
  readonly #failures = new Map<string, string>();
  readonly #requests = new Map<string, string>();

  add(contender: string, measure: string, ms: number): void {
    const key = `${contender}\n${measure}`;
    this.#times.set(key, [...(this.#times.get(key) ?? []), ms]);
  }

  fail(contender: string, measure: string, why: string): void {
    this.#failures.set(`${contender}\n${measure}`, why);
  }

  countRequests(contender: string, measure: string, counted: string): void {
    this.#requests.set(`${contender}\n${measure}`, counted);
  }

  median(contender: string, measure: string): number | undefined {
    if (this.failure(contender, measure) !== undefined) return undefined;
    const values = this.#times.get(`${contender}\n${measure}`) ?? [];
    const sorted = values.toSorted((a, b) => a - b);
    const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
    return low === undefined || high === undefined ? undefined : (low + high) / 2;
  }

  failure(contender: string, measure: string): string | undefined {
    return this.#failures.get(`${contender}\n${measure}`);
  }

  requests(contender: string, measure: string): string | undefined {
    return this.#requests.get(`${contender}\n${measure}`);
  }

  failures(): { contender: string; measure: string; why: string }[] {
    return [...this.#failures].map(([key, why]) => {
      const [contender = '', measure = ''] = key.split('\n');
      return { contender, measure, why };
    });
  }
}
