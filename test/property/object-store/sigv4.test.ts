import { AwsV4Signer } from 'aws4fetch';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readClaim, type SignedParts } from '../../../src/object-store/sigv4-claim.ts';
import { encodeRfc3986, verifyClaim } from '../../../src/object-store/sigv4.ts';

const segment = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((text) => !/^\.+$/.test(text));
const query = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 8 }).filter((name) => !name.startsWith('X-Amz')),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  { maxKeys: 4 },
);
const secret = fc.string({ minLength: 1, maxLength: 40 });

/** What a server sees of what aws4fetch, which nobody here wrote, has signed. */
async function sign(
  path: string[],
  parameters: Record<string, string>,
  key: string,
  signQuery: boolean,
) {
  const search = Object.entries(parameters)
    .map(([name, value]) => `${encodeRfc3986(name)}=${encodeRfc3986(value)}`)
    .join('&');
  const url = `http://127.0.0.1:9000/${path.map(encodeRfc3986).join('/')}${search === '' ? '' : `?${search}`}`;
  const signer = new AwsV4Signer({
    url,
    method: 'GET',
    accessKeyId: 'tid_x',
    secretAccessKey: key,
    service: 's3',
    region: 'auto',
    signQuery,
    datetime: '20260601T000000Z',
  });
  const signed = await signer.sign();
  const parts: SignedParts = {
    method: 'GET',
    rawPath: signed.url.pathname,
    rawQuery: signed.url.search.slice(1),
    headers: new Map([...signed.headers, ['host', '127.0.0.1:9000']]),
  };
  return parts;
}

it('takes what another implementation signed, and nothing that was changed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(segment, { minLength: 1, maxLength: 3 }),
      query,
      secret,
      fc.boolean(),
      async (path, parameters, key, signQuery) => {
        const parts = await sign(path, parameters, key, signQuery);
        const now = Date.parse('2026-06-01T00:00:10Z');
        const verify =
          (changed: Partial<SignedParts>, withSecret = key) =>
          () =>
            verifyClaim(
              readClaim(parts)!,
              { ...parts, ...changed },
              withSecret,
              'UNSIGNED-PAYLOAD',
              now,
            );
        expect(verify({})).not.toThrow();
        expect(verify({ rawPath: `${parts.rawPath}x` })).toThrow(/does not match/);
        expect(verify({ method: 'DELETE' })).toThrow(/does not match/);
        expect(verify({}, `${key}x`)).toThrow(/does not match/);
      },
    ),
    { numRuns: 300 },
  );
});
