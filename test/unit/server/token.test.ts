import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatToken, parseToken } from '../../../src/api/contract/token.ts';
import { newToken } from '../../../src/server/domain/tokens.ts';

const kinds = fc.constantFrom('adm' as const, 'key' as const, 'rt' as const);

it('reads back what it wrote', () => {
  fc.assert(
    fc.property(kinds, (kind) => {
      const token = { kind, ...newToken() };
      expect(parseToken(formatToken(token))).toEqual(token);
    }),
  );
});

it('refuses a token with any one character changed', () => {
  fc.assert(
    fc.property(
      kinds,
      fc.nat(),
      fc.constantFrom('a', 'Z', '0', '9', '_', '-', '.'),
      (kind, at, other) => {
        const text = formatToken({ kind, ...newToken() });
        const index = at % text.length;
        const changed = text.slice(0, index) + other + text.slice(index + 1);
        fc.pre(changed !== text);
        expect(parseToken(changed)).toBeUndefined();
      },
    ),
    { numRuns: 500 },
  );
});

it('refuses what is no token', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseToken(text)).toBeUndefined();
    }),
  );
});
