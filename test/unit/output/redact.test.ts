import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { formatToken, parseToken, type TokenKind } from '../../../src/api/contract/token.ts';
import { redact, registerSecret } from '../../../src/output/redact.ts';

const token = (kind: TokenKind): string =>
  formatToken({ kind, id: 'AbCdEf123456', secret: randomBytes(32).toString('base64url') });

test.each([
  ['a token of ours', token('key'), 'AbCdEf123456'],
  ['an admin token', token('adm'), 'AbCdEf123456'],
  ['a JWT', 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl', undefined],
  ['a Tigris secret', 'tsec_abc+DEF/123', undefined],
])('%s is hidden wherever it stands', (_what, secret, stays) => {
  for (const text of [
    `before ${secret} after`,
    `{"x":"${secret}"}`,
    `https://h/?t=${secret}&u=1`,
  ]) {
    const clean = redact(text);
    expect(clean).not.toContain(secret);
    if (stays !== undefined) expect(clean).toContain(stays);
  }
});

test('values behind the names of secrets are hidden, the names stay', () => {
  const text = 'AWS_SECRET_ACCESS_KEY=abc secret_access_key = def, "secret_key":"ghi", Bearer jkl';
  const clean = redact(text);
  for (const value of ['abc', 'def', 'ghi', 'jkl']) expect(clean).not.toContain(value);
  expect(clean).toContain('AWS_SECRET_ACCESS_KEY');
});

test('where there is no secret JSON stays JSON', () => {
  const text = JSON.stringify([{ password: null, secret_key: null }, { password: null }], null, 2);
  expect(redact(text)).toBe(text);
  expect(redact('password=null-and-more')).toBe('password=[redacted]');
});

test('a registered value is hidden in plain and in URL form', () => {
  registerSecret('p+q/r s=unusual');
  expect(redact('x p+q/r s=unusual y')).toBe('x [redacted] y');
  expect(redact('x?k=p%2Bq%2Fr%20s%3Dunusual')).toBe('x?k=[redacted]');
});

test('harmless text stays as it is', () => {
  const text = 'Uploaded notes/token.md (1.2 KiB) to acme-1f2e; key AbCdEf123456';
  expect(redact(text)).toBe(text);
});

test('a token survives its round trip, and a single wrong character is noticed', () => {
  const text = token('key');
  expect(parseToken(text)).toMatchObject({ kind: 'key', id: 'AbCdEf123456' });
  for (let index = 0; index < text.length; index += 1) {
    const typo = `${text.slice(0, index)}${text[index] === 'x' ? 'y' : 'x'}${text.slice(index + 1)}`;
    expect(parseToken(typo), `wrong at ${index}`).toBeUndefined();
  }
  expect(parseToken(`${text}x`)).toBeUndefined();
  expect(parseToken(text.slice(0, -1))).toBeUndefined();
});
