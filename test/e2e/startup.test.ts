import { expect, test } from 'vitest';
import { filesLoadedBy, measureStarts, START_CASES } from '../support/startup-times.ts';

/** A machine with other work on it is not quiet; what this finds is a module that loads too much. */
const SLACK = 1.5;

test('commands start in a small multiple of the time that Node itself takes', () => {
  const best = START_CASES.map(() => Infinity);
  const over = (): string[] =>
    START_CASES.flatMap(({ name, target = Infinity }, index) => {
      const ratio = best[index]! / best[0]!;
      return ratio > target * SLACK
        ? [`${name}: ${ratio.toFixed(2)} × node, at most ${target} × ${SLACK}`]
        : [];
    });
  // The fastest of each says what the code costs; what is slower was held up by something else.
  measureStarts(40, (round) => {
    round.forEach((ms, index) => (best[index] = Math.min(best[index]!, ms)));
    return over().length > 0;
  });
  expect(over()).toEqual([]);
}, 180_000);

// Each costs more than half a millisecond, which the times of a loaded machine do not show.
test.each([
  ['--help', 12],
  ['mount-status', 30],
  ['status', 45],
])('cloud %s loads few files', (command, most) => {
  const files = filesLoadedBy([command]);
  expect(files).toBeGreaterThan(3);
  expect(files).toBeLessThanOrEqual(most);
});
