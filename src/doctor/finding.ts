import { ExitCode } from '../output/exit-codes.ts';
import type { ErrorReport } from '../output/errors.ts';

/** `skipped`: what it stands on failed, so it could not be looked at. */
export type Level = 'ok' | 'warning' | 'failure' | 'skipped';

export interface Cure {
  sentence: string;
  /** To copy into a terminal. */
  command?: string;
}

/** What a check saw. */
export interface Observation {
  level: Level;
  /** One sentence or less, without a full stop. */
  summary: string;
  /** Why it is so. */
  cause?: string;
  cure?: Cure;
  /** Of a failure: what a command that meets it would end with. */
  exitCode: ExitCode;
  /**
   * A cure that can destroy nothing; resolves to what it did, in the past tense.
   *
   * @throws when it cannot be proven to be right, or does not work
   */
  fix?: () => Promise<string>;
}

export interface Finding extends Observation {
  /** Id of the check. */
  check: string;
}

type More = Partial<Pick<Observation, 'cause' | 'cure' | 'fix'>>;

export function ok(summary: string): Observation {
  return { level: 'ok', summary, exitCode: ExitCode.ok };
}

export function warning(summary: string, more: More = {}): Observation {
  return { level: 'warning', summary, exitCode: ExitCode.ok, ...more };
}

export function failure(exitCode: ExitCode, summary: string, more: More = {}): Observation {
  return { level: 'failure', summary, exitCode, ...more };
}

export function skipped(cause: string): Observation {
  return { level: 'skipped', summary: 'not looked at', cause, exitCode: ExitCode.ok };
}

/** An error that names what to do, as a finding. */
export function failureOf(
  report: ErrorReport,
  summary = withoutStop(report.message),
): Observation & { level: 'failure' } {
  const cure = cureOf(report.suggestions);
  return {
    level: 'failure',
    summary,
    exitCode: knownExitCode(report.exitCode),
    ...(summary === withoutStop(report.message) ? {} : { cause: report.message }),
    ...(cure === undefined ? {} : { cure }),
  };
}

/**
 * Suggestions are sentences, bare commands, commands with a remark after three spaces, and sentences
 * that end with a command: the first command and what is said about it.
 */
export function cureOf(suggestions: readonly string[]): Cure | undefined {
  const parts = suggestions.map((text) => {
    const bare = /^((?:cloud|sudo|winget|brew) .*?)(?: {3}\(?(.*?)\)?)?$/.exec(text);
    if (bare !== null) return { sentence: bare[2], command: bare[1] };
    const ending = /^(.*?[:;])\s+((?:cloud|sudo|mkdir) .*)$/.exec(text);
    return ending === null
      ? { sentence: text, command: undefined }
      : { sentence: ending[1], command: ending[2] };
  });
  const sentence = parts.find((part) => part.sentence !== undefined)?.sentence;
  const command = parts.find((part) => part.command !== undefined)?.command;
  if (sentence === undefined && command === undefined) return undefined;
  return {
    sentence: capitalized(sentence ?? 'Run this.'),
    ...(command === undefined ? {} : { command }),
  };
}

export function withoutStop(text: string): string {
  return text.replace(/\.$/, '');
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function knownExitCode(code: number): ExitCode {
  return Object.values(ExitCode).find((each) => each === code) ?? ExitCode.failed;
}
