import { CLIError } from '@oclif/core/errors';
import * as Flags from '@oclif/core/flags';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A time on the command line, in milliseconds: `90s`, `10m`, `1h`, `2d`; a bare number is seconds. */
export const durationFlag = Flags.custom<number, { leastMs?: number }>({
  helpValue: 'TIME',
  // oclif's parsers are asynchronous.
  parse: (text, _context, { leastMs = 0 }) => {
    const ms = parseDuration(text);
    return ms === undefined || ms < leastMs
      ? Promise.reject(new CLIError(`Expected a duration but received: ${text}`))
      : Promise.resolve(ms);
  },
});

/** @returns milliseconds, or undefined for what is no time */
export function parseDuration(text: string): number | undefined {
  const parts = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(text.trim());
  if (parts === null) return undefined;
  const ms = Number(parts[1]) * (UNIT_MS[parts[2] ?? 's'] ?? NaN);
  return Number.isSafeInteger(Math.round(ms)) ? Math.round(ms) : undefined;
}
