import { expect, it } from 'vitest';
import { HttpProblem } from '../../../src/server/errors.ts';
import {
  assertGoodPassword,
  makePassword,
  Passwords,
} from '../../../src/server/identity/passwords.ts';

it('knows a password again, however its letters were composed', async () => {
  const passwords = new Passwords();
  const stored = await passwords.hash('Blumenk\u00fcbel 1985');
  expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(await passwords.verify('Blumenku\u0308bel 1985', stored)).toBe(true);
  expect(await passwords.verify('Blumenkubel 1985', stored)).toBe(false);
  expect(await passwords.hash('Blumenk\u00fcbel 1985')).not.toBe(stored);
});

it('does the same work for a user that does not exist, and never lets it in', async () => {
  const work: object[] = [];
  const passwords = new Passwords((algorithm, { message, nonce, ...cost }) => {
    work.push({ algorithm, salt: nonce.length, ...cost });
    return Promise.resolve(Buffer.alloc(32, message.length === 0 ? 1 : 2));
  });
  const stored = await passwords.hash('x');
  work.length = 0;
  // What this stand-in makes of every password is equal, so only the rule itself is left.
  expect(await passwords.verify('x', stored)).toBe(true);
  expect(await passwords.verify('x', null)).toBe(false);
  expect(await passwords.verify('x', undefined)).toBe(false);
  expect(work).toHaveLength(3);
  expect(new Set(work.map((each) => JSON.stringify(each))).size).toBe(1);
});

it('hashes few at once, and refuses when too many wait', async () => {
  let [running, most] = [0, 0];
  const gate = Promise.withResolvers<undefined>();
  const passwords = new Passwords(async () => {
    running += 1;
    most = Math.max(most, running);
    await gate.promise;
    running -= 1;
    return Buffer.alloc(32);
  });
  const all = Array.from({ length: 100 }, () =>
    passwords.hash('x').then(
      () => 'hashed',
      (error: unknown) => (error instanceof HttpProblem ? error.code : 'other'),
    ),
  );
  gate.resolve(undefined);
  const outcomes = await Promise.all(all);
  expect(most).toBeLessThanOrEqual(4);
  expect(outcomes.filter((outcome) => outcome === 'busy').length).toBeGreaterThan(0);
  expect(outcomes.filter((outcome) => outcome === 'hashed').length).toBeGreaterThanOrEqual(64);
  expect(await passwords.hash('x')).toMatch(/^\$argon2id/);
});

it.each([
  ['short', 'elevenchars'],
  ['of one letter', 'aaaaaaaaaaaaaaaa'],
  ['with the name in it', 'xx-Ada.Lovelace-1815'],
  ['well known', 'password1234567890'],
])('refuses one: %s', (_what, password) => {
  expect(() => assertGoodPassword(password, 'ada.lovelace')).toThrow(/too easy/);
});

it('makes good ones', () => {
  const made = Array.from({ length: 50 }, makePassword);
  expect(new Set(made).size).toBe(50);
  for (const password of made) {
    expect(password).toMatch(/^[b-z]{4}(-[b-z]{4}){4}$/);
    expect(() => assertGoodPassword(password, 'ada')).not.toThrow();
  }
});
