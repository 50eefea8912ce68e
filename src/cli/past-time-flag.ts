import { CLIError } from '@oclif/core/errors';
import * as Flags from '@oclif/core/flags';
import type { PastTime } from '../bisync/undo/find-versions.ts';
import { parseDuration } from './duration-flag.ts';

/** A time in the past on the command line: `2h` ago, or `2026-11-25 18:00`. */
export const pastTimeFlag = Flags.custom<PastTime>({
  helpValue: 'TIME',
  // oclif's parsers are asynchronous.
  parse: (text) => {
    const time = parsePastTime(text);
    return time === undefined
      ? Promise.reject(
          new CLIError(`Expected a time like 2h or 2026-11-25 18:00 but received: ${text}`),
        )
      : Promise.resolve(time);
  },
});

const MOMENT =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?))?(Z|[+-]\d{2}:?\d{2})?$/;

/** A moment without a zone is one of this place; a date alone its first second. */
export function parsePastTime(text: string): PastTime | undefined {
  const agoMs = parseDuration(text);
  if (agoMs !== undefined) return { agoMs };
  const match = MOMENT.exec(text.trim());
  if (match === null) return undefined;
  const [, date, time = '00:00', zone = ''] = match;
  const atMs = Date.parse(`${date}T${time}${zone}`);
  return Number.isNaN(atMs) ? undefined : { atMs };
}
