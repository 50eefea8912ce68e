import { createHmac, createSecretKey, hash, timingSafeEqual, type KeyObject } from 'node:crypto';
import { S3Error } from './errors.ts';
import {
  ALGORITHM,
  malformed,
  parseBasicTime,
  type Claim,
  type SignedParts,
} from './sigv4-claim.ts';

/**
 * AWS Signature Version 4 as a server checks it.
 * Source: "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API reference.
 */
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
const MAX_SKEW_MS = 15 * 60_000;

/** What later chunks of a streaming upload are signed with. */
export interface VerifiedSignature {
  signature: string;
  key: KeyObject;
  scope: string;
  time: string;
}

/** RFC 3986: everything but unreserved characters, in upper-case hexadecimal. */
export function encodeRfc3986(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * Checks a claim against the secret of its key. `payloadHash` is the last line of the canonical
 * request: a SHA-256 in hexadecimal, `UNSIGNED-PAYLOAD` or one of the `STREAMING-…` names.
 *
 * @throws S3Error RequestTimeTooSkewed, AccessDenied (expired, unsigned header), SignatureDoesNotMatch
 */
export function verifyClaim(
  claim: Claim,
  parts: SignedParts,
  secret: string,
  payloadHash: string,
  nowMs: number,
): VerifiedSignature {
  checkTime(claim, nowMs);
  checkSignedHeaders(claim, parts.headers);
  const scope = `${claim.day}/${claim.region}/${claim.service}/aws4_request`;
  const canonical = canonicalRequest(parts, claim, payloadHash);
  const key = signingKey(secret, claim.day, claim.region, claim.service);
  const stringToSign = `${ALGORITHM}\n${claim.time}\n${scope}\n${sha256Hex(canonical)}`;
  const expected = createHmac('sha256', key).update(stringToSign).digest('hex');
  if (!equal(expected, claim.signature)) {
    throw new S3Error(
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. ' +
        'Check your key and signing method.',
      // S3 returns both so that a client's author can find the difference; neither is a secret.
      { StringToSign: stringToSign, CanonicalRequest: canonical },
    );
  }
  return { signature: expected, key, scope, time: claim.time };
}

function checkTime(claim: Claim, nowMs: number): void {
  const signedAt = parseBasicTime(claim.time) ?? 0;
  if (claim.day !== claim.time.slice(0, 8)) {
    throw malformed('The date of the credential scope is not the date of the request.');
  }
  if (claim.expiresIn === undefined) {
    if (Math.abs(nowMs - signedAt) <= MAX_SKEW_MS) return;
    throw new S3Error(
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
      {
        RequestTime: claim.time,
        ServerTime: new Date(nowMs).toISOString(),
        MaxAllowedSkewMilliseconds: String(MAX_SKEW_MS),
      },
    );
  }
  if (signedAt - nowMs > MAX_SKEW_MS) {
    throw new S3Error('AccessDenied', 'Request is not yet valid');
  }
  if (nowMs > signedAt + claim.expiresIn * 1000) {
    throw new S3Error('AccessDenied', 'Request has expired');
  }
}

/** An x-amz-* header that is not signed could have been added by anybody on the way. */
function checkSignedHeaders(claim: Claim, headers: ReadonlyMap<string, string>): void {
  const signed = new Set(claim.signedHeaders);
  const missing: string[] = [];
  if (!signed.has('host')) missing.push('host');
  for (const name of headers.keys()) {
    if (!name.startsWith('x-amz-') || signed.has(name)) continue;
    // A presigned URL may be used with the payload hash as a header that nobody signed.
    if (name === 'x-amz-content-sha256' && claim.expiresIn !== undefined) continue;
    missing.push(name);
  }
  if (missing.length > 0) {
    throw new S3Error(
      'AccessDenied',
      'There were headers present in the request which were not signed',
      { HeadersNotSigned: missing.join(', ') },
    );
  }
}

function canonicalRequest(parts: SignedParts, claim: Claim, payloadHash: string): string {
  let headers = '';
  for (const name of claim.signedHeaders) {
    headers += `${name}:${(parts.headers.get(name) ?? '').trim().replace(/ {2,}/g, ' ')}\n`;
  }
  const path = canonicalPath(parts.rawPath);
  const query = canonicalQuery(parts.rawQuery);
  return `${parts.method}\n${path}\n${query}\n${headers}\n${claim.signedHeaders.join(';')}\n${payloadHash}`;
}

function canonicalPath(rawPath: string): string {
  // Most paths are plain already; S3 encodes once and keeps every slash, also one sent as %2F.
  if (/^[A-Za-z0-9\-._~/]*$/.test(rawPath)) return rawPath;
  return decode(rawPath).split('/').map(encodeRfc3986).join('/');
}

function canonicalQuery(rawQuery: string): string {
  if (rawQuery === '') return '';
  const pairs: [string, string][] = [];
  for (const pair of rawQuery.split('&')) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    const name = decodeQuery(at < 0 ? pair : pair.slice(0, at));
    if (name === 'X-Amz-Signature') continue;
    const value = at < 0 ? '' : decodeQuery(pair.slice(at + 1));
    pairs.push([encodeRfc3986(name), encodeRfc3986(value)]);
  }
  pairs.sort(([a, x], [b, y]) => compare(a, b) || compare(x, y));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function decodeQuery(text: string): string {
  return decode(text.replaceAll('+', ' '));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error('InvalidURI', "Couldn't parse the specified URI.");
  }
}

const signingKeys = new Map<string, KeyObject>();

/**
 * Four HMACs that depend only on key, day, region and service, so they are kept for the day. As
 * a KeyObject: Node takes five times as long over an HMAC whose key is a buffer.
 */
export function signingKey(
  secret: string,
  day: string,
  region: string,
  service: string,
): KeyObject {
  const name = `${day}/${region}/${service}/${secret}`;
  let key = signingKeys.get(name);
  if (key === undefined) {
    const step = (k: string | Buffer, text: string) =>
      createHmac('sha256', k).update(text).digest();
    key = createSecretKey(
      step(step(step(step(`AWS4${secret}`, day), region), service), 'aws4_request'),
    );
    if (signingKeys.size >= 1000) signingKeys.clear();
    signingKeys.set(name, key);
  }
  return key;
}

export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data);
}

/** Constant-time comparison of two texts of public length. */
export function equal(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
