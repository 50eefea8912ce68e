import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isAllowed,
  parsePolicy,
  S3_ACTIONS,
  wildcard,
  type PolicyContext,
} from '../../../src/object-store/policy.ts';

const letters = fc.array(fc.constantFrom('a', 'b', '/', '*', '?', '.'), { maxLength: 10 });
const text = letters.map((list) => list.join(''));

const statement = fc.record({
  Effect: fc.constantFrom('Allow', 'Deny'),
  Action: fc.constantFrom('s3:*', 's3:Get*', 's3:GetObject', 's3:PutObject', '*'),
  Resource: fc.constantFrom('*', 'arn:aws:s3:::a', 'arn:aws:s3:::a/*', 'arn:aws:s3:::a/x*'),
});
const context = fc.record({
  action: fc.constantFrom(...S3_ACTIONS),
  resource: fc.constantFrom(
    'arn:aws:s3:::a',
    'arn:aws:s3:::a/x',
    'arn:aws:s3:::a/y',
    'arn:aws:s3:::b/x',
  ),
  sourceIp: fc.constant('127.0.0.1'),
  now: fc.constant(0),
});

function decide(statements: unknown[], about: PolicyContext): boolean {
  if (statements.length === 0) return isAllowed([], about);
  return isAllowed(
    parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement: statements })),
    about,
  );
}

describe('policies', () => {
  it('match wildcards as the equal regular expression does', () => {
    fc.assert(
      fc.property(text, text, (pattern, value) => {
        const source = pattern
          .replace(/[./]/g, '\\$&')
          .replaceAll('*', '[^]*')
          .replaceAll('?', '[^]');
        expect(wildcard(pattern, value)).toBe(new RegExp(`^${source}$`).test(value));
      }),
      { numRuns: 5000 },
    );
  });

  it('match a pattern made to be slow in no time', () => {
    const pattern = `${'*a'.repeat(500)}b`;
    expect(wildcard(pattern, 'a'.repeat(5000))).toBe(false);
  });

  it('grant nothing more by a Deny, nothing less by an Allow, and nothing by their order', () => {
    fc.assert(
      fc.property(
        fc.array(statement, { maxLength: 5 }),
        statement,
        context,
        (list, more, about) => {
          const before = decide(list, about);
          const after = decide([...list, more], about);
          if (more.Effect === 'Deny') expect(after && !before).toBe(false);
          else expect(before && !after).toBe(false);
          expect(decide([...list].reverse(), about)).toBe(before);
          if (before) expect(list.some(({ Effect }) => Effect === 'Allow')).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
