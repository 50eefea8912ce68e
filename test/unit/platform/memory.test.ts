import { expect, test } from 'vitest';
import { giveBackMemory } from '../../../src/platform/memory.ts';

test('what a large piece of work left behind is collected', () => {
  let work: object[] | undefined = Array.from({ length: 3_000_000 }, (_, index) => ({ index }));
  const before = process.memoryUsage().heapUsed;
  expect(work).toHaveLength(3_000_000);
  work = undefined;
  giveBackMemory();
  expect(process.memoryUsage().heapUsed).toBeLessThan(before / 2);
});
