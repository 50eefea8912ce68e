import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { closest } from '../output/closest.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { redact } from '../output/redact.ts';

/**
 * @param known commands and topics, with colons as oclif has them
 * @throws AbortError `unknown-command` (127) when `words` is none of them
 */
export function assertKnownHelp(words: readonly string[], known: readonly string[]): void {
  if (words.length === 0 || known.includes(words.join(':'))) return;
  const typed = words.join(' ');
  const guess = closest(
    typed,
    known.map((name) => name.replaceAll(':', ' ')),
  );
  throw new AbortError('unknown-command', `There is no command or topic \`${redact(typed)}\`.`, {
    exitCode: ExitCode.unknownCommand,
    suggestions: [
      ...(guess === undefined ? [] : [`Did you mean \`cloud help ${guess}\`?`]),
      'cloud help',
    ],
  });
}

const Manifest = z.object({
  commands: z.record(z.string(), z.object({ hidden: z.optional(z.boolean()) })),
});

/** All commands of the package at `root` as they are typed, for the one that was meant. */
export async function knownCommands(root: string): Promise<string[]> {
  try {
    const text = await readFile(join(root, 'oclif.manifest.json'), 'utf8');
    const { commands } = Manifest.parse(JSON.parse(text));
    const shown = Object.entries(commands).filter(([, { hidden }]) => hidden !== true);
    return shown.map(([id]) => id.replaceAll(':', ' '));
  } catch {
    return [];
  }
}
