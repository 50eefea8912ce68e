import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { wrap } from '../output/format.ts';
import type { Output } from '../output/output.ts';

/**
 * Has a person type the name of what is about to be destroyed; `--yes` is enough where nobody can be
 * asked.
 *
 * @throws AbortError `confirmation-needed`, `not-confirmed` (2)
 */
export async function confirmByName(
  name: string,
  question: string,
  { out, yes, signal }: { out: Output; yes: boolean; signal: AbortSignal },
): Promise<void> {
  if (yes) {
    out.note(question);
    return;
  }
  if (!out.options.interactive) {
    throw new AbortError('confirmation-needed', question, {
      exitCode: ExitCode.usage,
      suggestions: ['Look what would go: --dry-run', 'Run it again with --yes to confirm.'],
    });
  }
  const { askText } = await import('../output/prompt.ts');
  out.options.stderr.write(`${wrap(question, out.width)}\n`);
  if ((await askText(`Type ${name} to go on:`, signal)) === name) return;
  throw new AbortError('not-confirmed', 'Nothing was done.', { exitCode: ExitCode.usage });
}
