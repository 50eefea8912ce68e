import fc from 'fast-check';
import { expect, it } from 'vitest';
import { duplicateKey } from '../../../src/server/plugins/duplicate-keys.ts';

it.each([
  ['{"a":1,"a":2}', 'a'],
  ['{"a":1,"\\u0061":2}', 'a'],
  ['{"x":{"b":1 ,\n"b" : 2}}', 'b'],
  ['[{"c":[]},{"c":{"d":0,"e":{"d":1},"d":2}}]', 'd'],
  ['{"__proto__":1,"__proto__":2}', '__proto__'],
])('finds it in %s', (text, key) => {
  expect(duplicateKey(text)).toBe(key);
});

it.each(['{"a":{"a":{"a":1}}}', '[{"a":1},{"a":1}]', '{"a":"{\\"b\\":1,\\"b\\":2}"}', '"a"', '7'])(
  'finds none in %s',
  (text) => {
    expect(duplicateKey(text)).toBeUndefined();
  },
);

it('finds none in what was written from a value, and every one that is put in', () => {
  fc.assert(
    fc.property(fc.object({ key: fc.string() }), fc.string(), (value, key) => {
      const text = JSON.stringify(value);
      expect(duplicateKey(text)).toBeUndefined();
      const name = JSON.stringify(key);
      expect(duplicateKey(`{${name}:${text},${name}:1}`)).toBe(key);
    }),
  );
});
