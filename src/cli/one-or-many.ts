import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';

/**
 * Which of several: an id, or one of the flags that name more.
 *
 * @throws AbortError `which-one` (2) for neither or both
 */
export function oneOrMany(
  id: string | undefined,
  flags: { all: boolean; others?: boolean },
  list: string,
): { id: string } | 'others' | 'all' {
  const many = flags.all ? 'all' : flags.others === true ? 'others' : undefined;
  if (id !== undefined && many === undefined) return { id };
  if (id === undefined && many !== undefined) return many;
  throw new AbortError(
    'which-one',
    id === undefined ? 'Say which one.' : `Either ${id} or --${many ?? ''}, not both.`,
    { exitCode: ExitCode.usage, suggestions: [list] },
  );
}
