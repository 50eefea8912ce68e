/** What a run has done, or would do: counts and short texts, without secrets. */
export type JobReport = Record<string, number | string | string[]>;

export interface JobContext {
  /** Nothing is changed; the report says what would be. Only for jobs with `canDryRun`. */
  dryRun: boolean;
  /** An operator asked for it: what waits for a later try is tried now. */
  asked: boolean;
  /** Aborted when the server stops, or when another process has taken the job over. */
  signal: AbortSignal;
}

/**
 * Something that one server process does from time to time. It may be cut off at any point and be
 * run again, also by another process, so each step of it is safe to repeat.
 */
export interface Job {
  /** Lower-case letters and hyphens: its name for operators and in the table. */
  name: string;
  /** One sentence for operators. */
  summary: string;
  /** Milliseconds from the end of a run to the next. */
  everyMs: number;
  canDryRun?: boolean;
  run(context: JobContext): Promise<JobReport>;
}
