import { closest } from '../output/closest.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';

/** The least that a person may type of an id. */
const SHORTEST = 4;

/**
 * The one that was meant by what a person typed: one of its names, or the beginning of its id.
 *
 * @param names what it may be called, the id first
 * @throws AbortError `not-found`, `ambiguous` (2)
 */
export function findByName<T>(
  items: readonly T[],
  typed: string,
  what: string,
  names: (item: T) => readonly string[],
): T {
  const exact = items.filter((item) => names(item).includes(typed));
  const begins =
    typed.length < SHORTEST ? [] : items.filter((item) => names(item)[0]?.startsWith(typed));
  const found = exact.length > 0 ? exact : begins;
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const ids = (found.length > 0 ? found : items).map((item) => names(item)[0] ?? '');
  const guess = found.length > 0 ? undefined : closest(typed, items.flatMap(names));
  throw new AbortError(
    found.length > 0 ? 'ambiguous' : 'not-found',
    found.length > 0 ? `${typed} is more than one ${what}.` : `There is no ${what} ${typed}.`,
    {
      exitCode: ExitCode.usage,
      suggestions: [
        ...(guess === undefined ? [] : [`Did you mean ${guess}?`]),
        ids.length === 0 ? `There is none at all.` : `Give one of: ${ids.join(', ')}`,
      ],
      details: { known: ids },
    },
  );
}
