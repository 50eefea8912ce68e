import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripTypeScriptTypes } from 'node:module';
import { expect, it } from 'vitest';
import { MUTANTS } from '../../mutants/mutants.ts';
import { patched, ROOT } from '../../mutants/patched-tree.ts';

it.each(MUTANTS.map((each) => [each.name, each] as const))(
  'a mutation still applies: %s',
  async (_name, { edits }) => {
    const texts = new Map<string, string>();
    for (const edit of edits) {
      const before = texts.get(edit.file) ?? (await readFile(join(ROOT, edit.file), 'utf8'));
      texts.set(edit.file, patched(before, edit));
    }
    for (const text of texts.values()) expect(() => stripTypeScriptTypes(text)).not.toThrow();
  },
);
