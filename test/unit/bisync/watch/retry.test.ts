import { expect, test } from 'vitest';
import { Retry } from '../../../../src/bisync/watch/retry.ts';

const longest = (): Retry => new Retry(() => 1);

test('the same failure again waits twice as long each time, up to a bound', () => {
  const retry = longest();
  const waits = Array.from({ length: 8 }, () => {
    retry.failed('offline', 'no network', 0);
    return retry.at;
  });
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
});

test('another failure begins with its own first wait, after however many of the other', () => {
  const retry = longest();
  for (let each = 0; each < 10; each += 1) retry.failed('denied', 'not allowed', 0);
  expect(retry.at).toBe(30_000);
  // The storage fails once, just when the tenant is allowed again: not ten minutes for that.
  retry.failed('error', 'failed', 0);
  expect(retry.at).toBe(10_000);
});

test('what succeeds is over, and what is told to be over is tried now', () => {
  const retry = longest();
  retry.failed('error', 'failed', 0);
  retry.soon(5);
  expect(retry.at).toBe(5);
  retry.succeeded();
  expect([retry.at, retry.kind]).toEqual([undefined, undefined]);
});
