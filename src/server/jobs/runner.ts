import type { JobStatus } from '../../api/contract/jobs.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import { HttpProblem } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Job, JobReport } from './job.ts';
import { JobLeases, LEASE_MS, type JobRow } from './leases.ts';

const LOOK_EVERY_MS = 5_000;
const RENEW_EVERY_MS = LEASE_MS / 3;

interface RunnerDeps {
  db: Database;
  clock: Clock;
  /** This process among all: a random name. */
  owner: string;
  logger: Logger;
  onRun?: (name: string, outcome: 'done' | 'failed', ms: number) => void;
}

/** Does the jobs that are due, one after the other, and those that an operator asks for. */
export class JobRunner {
  readonly #deps: RunnerDeps;
  readonly #jobs: readonly Job[];
  readonly #leases: JobLeases;
  /** What this process does now. */
  readonly #running = new Map<string, Promise<JobReport>>();
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;

  constructor(deps: RunnerDeps, jobs: readonly Job[]) {
    this.#deps = deps;
    this.#jobs = jobs;
    this.#leases = new JobLeases(deps.db, deps.clock, deps.owner);
  }

  async register(): Promise<void> {
    await this.#leases.register(this.#jobs);
  }

  /** From now on, every few seconds, what is due. */
  start(): void {
    this.#timer = setInterval(() => void this.runDue(), LOOK_EVERY_MS).unref();
  }

  /** Lets what runs end early, and waits for it. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort(new Error('the server stops'));
    await this.#round;
    await Promise.allSettled(this.#running.values());
  }

  /** Everything that is due. It never rejects: what fails is logged and due again later. */
  runDue(): Promise<void> {
    this.#round ??= this.#runAllDue().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /**
   * @throws HttpProblem 404 `job-not-found`, 409 `job-running` while this or another process does
   *   it, 422 for a dry run of a job that has none; what the job throws
   */
  async run(name: string, { dryRun = false, asked = true } = {}): Promise<JobReport> {
    const job = this.#jobs.find((each) => each.name === name);
    if (job === undefined) throw new HttpProblem(404, 'job-not-found', 'There is no such job.');
    if (dryRun) {
      if (job.canDryRun === true) return job.run({ dryRun, asked, signal: this.#stopping.signal });
      throw new HttpProblem(422, 'invalid-field', 'This job has no dry run.', { field: 'dry_run' });
    }
    if (this.#running.has(name) || !(await this.#leases.claim(name))) {
      throw new HttpProblem(409, 'job-running', `The job ${name} runs at this moment.`);
    }
    return this.#do(job, asked);
  }

  /** The same, after the one that may be under way here. */
  async runAgain(name: string, asked = true): Promise<JobReport> {
    await this.#round;
    await this.#running.get(name)?.catch(() => undefined);
    return this.run(name, { asked });
  }

  async list(): Promise<JobStatus[]> {
    const rows = new Map((await this.#leases.list()).map((row) => [row.name, row]));
    const now = new Date(this.#deps.clock.now()).toISOString();
    return this.#jobs.flatMap((job) => {
      const row = rows.get(job.name);
      return row === undefined ? [] : [toStatus(job, row, now)];
    });
  }

  async #runAllDue(): Promise<void> {
    try {
      while (!this.#stopping.signal.aborted) {
        const idle = this.#jobs.filter(({ name }) => !this.#running.has(name));
        const name = await this.#leases.claimDue(idle.map((job) => job.name));
        const job = this.#jobs.find((each) => each.name === name);
        if (job === undefined) return;
        await this.#do(job, false).catch(() => undefined);
      }
    } catch (err) {
      this.#deps.logger.error({ err }, 'the jobs that are due could not be looked up');
    }
  }

  #do(job: Job, asked: boolean): Promise<JobReport> {
    const work = this.#work(job, asked).finally(() => this.#running.delete(job.name));
    this.#running.set(job.name, work);
    return work;
  }

  async #work(job: Job, asked: boolean): Promise<JobReport> {
    const { logger, onRun } = this.#deps;
    const taken = new AbortController();
    const renewing = setInterval(() => void this.#renew(job.name, taken), RENEW_EVERY_MS).unref();
    const signal = AbortSignal.any([taken.signal, this.#stopping.signal]);
    const began = performance.now();
    try {
      const report = await job.run({ dryRun: false, asked, signal });
      await this.#leases.finish(job, { report });
      onRun?.(job.name, 'done', performance.now() - began);
      if (didSomething(report)) logger.info({ job: job.name, ...report }, 'job');
      return report;
    } catch (err) {
      if (this.#stopping.signal.aborted) {
        logger.info({ job: job.name }, 'a job stopped with the server, and is due again');
        // Here and below: if even this cannot be written, the lease runs out.
        await this.#leases.giveBack(job.name).catch(() => undefined);
        throw err;
      }
      onRun?.(job.name, 'failed', performance.now() - began);
      logger.error({ err, job: job.name }, 'a job failed');
      const error = err instanceof Error ? err.message : String(err);
      await this.#leases.finish(job, { error }).catch(() => undefined);
      throw err;
    } finally {
      clearInterval(renewing);
    }
  }

  async #renew(name: string, taken: AbortController): Promise<void> {
    try {
      if (!(await this.#leases.renew(name))) {
        taken.abort(new Error('another process has taken the job over'));
      }
    } catch (err) {
      this.#deps.logger.warn({ err, job: name }, 'the lease of a job could not be renewed');
    }
  }
}

function didSomething(report: JobReport): boolean {
  return Object.values(report).some((value) =>
    typeof value === 'number' ? value > 0 : value.length > 0,
  );
}

function toStatus(job: Job, row: JobRow, now: string): JobStatus {
  const { due_at, started_at, finished_at, outcome, error, runs, failures } = row;
  const running = row.lease_until !== null && row.lease_until > now;
  return {
    name: job.name,
    summary: job.summary,
    every_s: job.everyMs / 1000,
    can_dry_run: job.canDryRun === true,
    state: running ? 'running' : 'waiting',
    ...{ due_at, started_at, finished_at, outcome, error, runs, failures },
    report: row.report === null ? null : (JSON.parse(row.report) as JobReport),
  };
}
