import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EXAMPLES_OF } from '../../support/example-subjects.ts';
import { helpedCommands } from '../../support/examples.ts';

// That each example of a command was played, and once, is asked where they are played.
describe('the examples of the help', () => {
  test('every command is in one subject', async () => {
    const claimed: string[] = Object.values(EXAMPLES_OF).flat();
    const shown = (await helpedCommands()).map(({ name }) => name);
    expect(claimed.toSorted()).toEqual(shown.toSorted());
  });

  test('every subject is played, in a file of its name', async () => {
    const here = import.meta.dirname;
    const subjects = Object.keys(EXAMPLES_OF);
    expect((await readdir(here)).toSorted()).toEqual(
      [...subjects, 'every'].map((name) => `${name}.test.ts`).toSorted(),
    );
    for (const subject of subjects) {
      const played = await readFile(join(here, `${subject}.test.ts`), 'utf8');
      expect(played).toContain(`\nexamplesOf('${subject}', `);
    }
  });

  test('every command has a summary, a description, and two examples', async () => {
    const lacking: string[] = [];
    for (const { name, summary, description, examples } of await helpedCommands()) {
      if (summary === undefined) lacking.push(`cloud ${name}: a summary`);
      if (description === undefined) lacking.push(`cloud ${name}: a description`);
      if (examples.length < 2) lacking.push(`cloud ${name}: two examples`);
    }
    expect(lacking).toEqual([]);
  });
});
