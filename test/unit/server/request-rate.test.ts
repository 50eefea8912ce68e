import { expect, test } from 'vitest';
import { RequestRate } from '../../../src/server/plugins/request-rate.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';

/** How many of so many requests are let through. */
function taken(rate: RequestRate, credential: string, requests: number): number {
  let count = 0;
  for (let request = 0; request < requests; request += 1) {
    try {
      rate.take(credential);
      count += 1;
    } catch (error) {
      expect(error).toMatchObject({ code: 'too-many-requests', status: 429 });
    }
  }
  return count;
}

test('two processes that tell each other let through together what one would', () => {
  const clock = { ...adjustableClock(), now: () => 1_000_000 };
  const one = new RequestRate(clock, 100, 'one');
  const two = new RequestRate(clock, 100, 'two');
  expect(taken(one, 'key', 60)).toBe(60);
  two.hear(one.tell()!);
  expect(one.tell()).toBeUndefined();
  expect(taken(two, 'key', 60)).toBe(40);
  one.hear(two.tell()!);
  expect(taken(one, 'key', 10)).toBe(0);
  // Others have their own.
  expect(taken(two, 'another', 10)).toBe(10);
  // What comes back from where it went out counts once, and what nobody understands not at all.
  const [fresh, own] = [new RequestRate(clock, 100, 'one'), '["one",[["key",60]]]'];
  fresh.hear(own);
  fresh.hear('{"new":"form"}');
  expect(taken(fresh, 'key', 101)).toBe(100);
});

test('what two processes let through at the same moment is never more than a minute of waiting', () => {
  let now = 1_000_000;
  const clock = { ...adjustableClock(), now: () => now };
  const one = new RequestRate(clock, 60, 'one');
  const two = new RequestRate(clock, 60, 'two');
  expect([taken(one, 'key', 99), taken(two, 'key', 99)]).toEqual([60, 60]);
  const told = [one.tell()!, two.tell()!] as const;
  two.hear(told[0]);
  one.hear(told[1]);
  now += 1000;
  expect([taken(one, 'key', 9), taken(two, 'key', 9)]).toEqual([1, 1]);
});

test('little is kept to oneself, and many are told in portions that a notification takes', () => {
  let now = 1_000_000;
  const clock = { ...adjustableClock(), now: () => now };
  const one = new RequestRate(clock, 100, 'one');
  const two = new RequestRate(clock, 100, 'two');
  taken(one, 'quiet', 4);
  expect(one.tell()).toBeUndefined();
  taken(one, 'quiet', 1);
  expect(one.tell()).toBe('["one",[["quiet",5]]]');
  const ids = Array.from({ length: 500 }, () => crypto.randomUUID());
  for (const id of ids) taken(one, id, 100);
  let portions = 0;
  for (let told = one.tell(); told !== undefined; told = one.tell()) {
    expect(Buffer.byteLength(told)).toBeLessThan(8000);
    two.hear(told);
    portions += 1;
  }
  expect(portions).toBeGreaterThan(1);
  for (const id of ids) expect(taken(two, id, 1)).toBe(0);
  now += 60_000;
  for (const id of ids) expect(taken(two, id, 1)).toBe(1);
});

test('alone nothing is noted for others, and 0 is any number', () => {
  const clock = adjustableClock();
  const alone = new RequestRate(clock, 100);
  taken(alone, 'key', 100);
  expect(alone.tell()).toBeUndefined();
  const any = new RequestRate(clock, 0, 'one');
  any.hear('["two",[["key",5]]]');
  expect(taken(any, 'key', 1000)).toBe(1000);
});
