import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';

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
