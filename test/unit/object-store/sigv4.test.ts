import { describe, expect, it } from 'vitest';
import { decodeChunked } from '../../../src/object-store/chunked.ts';
import { S3Error } from '../../../src/object-store/errors.ts';
import { readClaim, type SignedParts } from '../../../src/object-store/sigv4-claim.ts';
import { sha256Hex, verifyClaim } from '../../../src/object-store/sigv4.ts';

// Keys, requests and signatures are the worked examples of the Amazon S3 API reference,
// "Authenticating Requests (AWS Signature Version 4)".
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const NOW = Date.parse('2013-05-24T00:00:00Z');
const EMPTY = sha256Hex('');

function parts(
  method: string,
  path: string,
  query: string,
  headers: Record<string, string>,
): SignedParts {
  return { method, rawPath: path, rawQuery: query, headers: new Map(Object.entries(headers)) };
}

function authorization(signedHeaders: string, signature: string): string {
  return `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=${signedHeaders},Signature=${signature}`;
}

function verify(request: SignedParts, payloadHash: string, now = NOW): unknown {
  return verifyClaim(readClaim(request)!, request, SECRET, payloadHash, now);
}

const getObject = parts('GET', '/test.txt', '', {
  host: 'examplebucket.s3.amazonaws.com',
  range: 'bytes=0-9',
  'x-amz-content-sha256': EMPTY,
  'x-amz-date': '20130524T000000Z',
  authorization: authorization(
    'host;range;x-amz-content-sha256;x-amz-date',
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  ),
});

const presignedQuery =
  'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404';
const presigned = parts('GET', '/test.txt', presignedQuery, {
  host: 'examplebucket.s3.amazonaws.com',
});

describe('signature version 4, by AWS’s examples', () => {
  it('accepts GET Object', () => {
    expect(() => verify(getObject, EMPTY)).not.toThrow();
  });

  it('accepts PUT Object with a key that needs encoding', () => {
    const hash = '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072';
    const put = parts('PUT', '/test%24file.text', '', {
      date: 'Fri, 24 May 2013 00:00:00 GMT',
      host: 'examplebucket.s3.amazonaws.com',
      'x-amz-content-sha256': hash,
      'x-amz-date': '20130524T000000Z',
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      authorization: authorization(
        'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
        '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
      ),
    });
    expect(() => verify(put, hash)).not.toThrow();
  });

  it('accepts List Objects', () => {
    const list = parts('GET', '/', 'max-keys=2&prefix=J', {
      host: 'examplebucket.s3.amazonaws.com',
      'x-amz-content-sha256': EMPTY,
      'x-amz-date': '20130524T000000Z',
      authorization: authorization(
        'host;x-amz-content-sha256;x-amz-date',
        '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
      ),
    });
    expect(() => verify(list, EMPTY)).not.toThrow();
  });

  it('accepts the presigned URL until it expires', () => {
    expect(() => verify(presigned, 'UNSIGNED-PAYLOAD')).not.toThrow();
    const lastMoment = NOW + 86_400_000;
    expect(() => verify(presigned, 'UNSIGNED-PAYLOAD', lastMoment)).not.toThrow();
    expect(() => verify(presigned, 'UNSIGNED-PAYLOAD', lastMoment + 1)).toThrow(/expired/);
  });

  it('refuses a request that differs in any signed part', () => {
    const other = { ...getObject, rawPath: '/test2.txt' };
    expect(() => verify(other, EMPTY)).toThrow(S3Error);
    expect(() => verify({ ...getObject, method: 'PUT' }, EMPTY)).toThrow(/does not match/);
    expect(() => verify({ ...getObject, rawQuery: 'a=b' }, EMPTY)).toThrow(/does not match/);
    expect(() => verify(getObject, sha256Hex('x'))).toThrow(/does not match/);
  });

  it('refuses a clock more than 15 minutes away', () => {
    const quarter = 15 * 60_000;
    expect(() => verify(getObject, EMPTY, NOW + quarter)).not.toThrow();
    expect(() => verify(getObject, EMPTY, NOW + quarter + 1)).toThrow(/too large/);
    expect(() => verify(getObject, EMPTY, NOW - quarter - 1)).toThrow(/too large/);
  });

  it('refuses an x-amz header that is not signed', () => {
    const headers = new Map(getObject.headers).set('x-amz-meta-added', 'on the way');
    expect(() => verify({ ...getObject, headers }, EMPTY)).toThrow(/not signed/);
  });

  it.each([
    ['nothing to go by', 'AWS4-HMAC-SHA256 nonsense', 'AuthorizationHeaderMalformed'],
    ['version 2', 'AWS AKIA:sig', 'InvalidRequest'],
    ['another scheme', 'Bearer token', 'InvalidArgument'],
    [
      'a broken scope',
      'AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c',
      'AuthorizationHeaderMalformed',
    ],
  ])('names what is wrong with %s', (_what, header, code) => {
    const request = parts('GET', '/', '', {
      authorization: header,
      'x-amz-date': '20130524T000000Z',
    });
    expect(() => readClaim(request)).toThrow(expect.objectContaining({ code }));
  });
});

describe('chunked upload, by AWS’s example', () => {
  const seed = '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9';
  const chunks = [
    [65536, 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648'],
    [1024, '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497'],
    [0, 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9'],
  ] as const;
  const request = parts('PUT', '/examplebucket/chunkObject.txt', '', {
    host: 's3.amazonaws.com',
    'x-amz-date': '20130524T000000Z',
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    'content-encoding': 'aws-chunked',
    'x-amz-decoded-content-length': '66560',
    'content-length': '66824',
    authorization: authorization(
      'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class',
      seed,
    ),
  });

  function body(letter: string): Buffer {
    return Buffer.concat(
      chunks.map(([size, signature]) =>
        Buffer.from(
          `${size.toString(16)};chunk-signature=${signature}\r\n${letter.repeat(size)}\r\n`,
        ),
      ),
    );
  }

  async function decode(bytes: Buffer, pieceSize: number): Promise<Buffer> {
    const verified = verifyClaim(
      readClaim(request)!,
      request,
      SECRET,
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      NOW,
    );
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += pieceSize) {
        yield await Promise.resolve(bytes.subarray(at, at + pieceSize));
      }
    }
    const decoded: Uint8Array[] = [];
    const options = { seed: verified, trailers: [], onTrailers: () => undefined };
    for await (const piece of decodeChunked(pieces(), options)) decoded.push(piece);
    return Buffer.concat(decoded);
  }

  it.each([7, 1000, 65536, 1_000_000])('is decoded from pieces of %i bytes', async (size) => {
    expect((await decode(body('a'), size)).equals(Buffer.alloc(66560, 'a'))).toBe(true);
  });

  it('is refused when a byte was changed on the way', async () => {
    await expect(decode(body('b'), 4096)).rejects.toThrow(/chunk signature/);
  });

  it('is refused when it ends early', async () => {
    const whole = body('a');
    await expect(decode(whole.subarray(0, 30_000), 4096)).rejects.toThrow(/unexpectedly/);
    await expect(decode(whole.subarray(0, -100), 4096)).rejects.toThrow(/unexpectedly|signature/);
  });
});
