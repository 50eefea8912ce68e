import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openPerson } from '../support/person.ts';
import { expectEqual, watching } from '../support/watching-person.ts';

/** Longer than the longest that a growing file is waited for, twice. */
const GROWS_MS = 65_000;

it('a file that grows for a minute is neither sent torn nor over and over', async () => {
  const laptop = await openPerson();
  const desk = await openPerson(laptop);
  const people = [await watching(laptop), await watching(desk)] as const;
  let uploads = 0;
  laptop.server.objectStore.requests.listen(({ operation, key, status }) => {
    if (operation === 'PutObject' && key === 'growing.log' && status === 200) uploads += 1;
  });
  const [file, copy] = [laptop, desk].map(({ folder }) => join(folder, 'growing.log')) as [
    string,
    string,
  ];
  const entry = (number: number): string => `${number} ${'of many lines '.repeat(70)}.\n`;
  let whole = '';
  const seen = new Set<string>();
  const until = performance.now() + GROWS_MS;
  for (let number = 0; performance.now() < until; number += 1) {
    await appendFile(file, entry(number));
    whole += entry(number);
    const there = await readFile(copy, 'utf8').catch(() => '');
    // Some version of it, with whole entries only.
    expect(whole.startsWith(there) && (there === '' || there.endsWith('.\n'))).toBe(true);
    seen.add(there);
    await delay(50);
  }
  // It came across while it grew, and not each time that somebody looked.
  expect(seen.size).toBeGreaterThan(1);
  expect(uploads).toBeGreaterThan(0);
  expect(uploads).toBeLessThan(8);
  expect((await expectEqual(people)).get('growing.log')).toBe(whole);
}, 240_000);
