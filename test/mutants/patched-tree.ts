import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutants.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The text of a file with one edit; the text to be replaced must be there exactly once. */
export function patched(text: string, edit: Mutant['edits'][number]): string {
  const parts = text.split(edit.find);
  if (parts.length !== 2) {
    throw new Error(`${edit.file} holds ${parts.length - 1} times: ${edit.find}`);
  }
  return parts.join(edit.replace);
}

/** A copy of the sources and the model with a mutation. The caller removes it. */
export async function makePatchedTree({ edits }: Pick<Mutant, 'edits'>): Promise<string> {
  const tree = await mkdtemp(join(tmpdir(), 'cloud-mutant-'));
  await mkdir(join(tree, 'test'));
  for (const part of ['src', 'package.json', 'test/support', 'test/soak', 'test/property']) {
    await cp(join(ROOT, part), join(tree, part), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  for (const edit of edits) {
    const file = join(tree, edit.file);
    await writeFile(file, patched(await readFile(file, 'utf8'), edit));
  }
  return tree;
}

export async function removeTree(tree: string): Promise<void> {
  await rm(tree, { recursive: true, force: true, maxRetries: 3 });
}
