import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { S3Error } from './errors.ts';

/**
 * AWS Signature Version 4 as a server checks it.
 * Source: "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API reference.
 */
export const ALGORITHM = 'AWS4-HMAC-SHA256';
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
const MAX_SKEW_MS = 15 * 60_000;
const MAX_PRESIGNED_SECONDS = 7 * 24 * 3600;

/** The parts of a request that a signature covers, as they were on the wire. */
export interface SignedParts {
  method: string;
  /** Path without the query, still percent-encoded. */
  rawPath: string;
  /** Query without the question mark, still percent-encoded. */
  rawQuery: string;
  /** Values of all headers, lower-case names, duplicates joined with a comma. */
  headers: ReadonlyMap<string, string>;
}

/** A signature found in a request, not yet checked. */
export interface Claim {
  accessKeyId: string;
  /** YYYYMMDD of the credential scope. */
  day: string;
  region: string;
  service: string;
  signedHeaders: string[];
  signature: string;
  /** ISO 8601 basic, e.g. 20260102T030405Z. */
  time: string;
  /** Seconds that a presigned URL lives; undefined when signed by header. */
  expiresIn: number | undefined;
}

/** What later chunks of a streaming upload are signed with. */
export interface VerifiedSignature {
  signature: string;
  key: Buffer;
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

/** The claim in the Authorization header or in the query; undefined for an anonymous request. */
export function readClaim(parts: SignedParts): Claim | undefined {
  const header = parts.headers.get('authorization');
  if (header !== undefined) return readHeaderClaim(header, parts.headers);
  if (!parts.rawQuery.includes('X-Amz-') && !parts.rawQuery.includes('AWSAccessKeyId')) {
    return undefined;
  }
  const query = new URLSearchParams(parts.rawQuery);
  if (query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature')) return readQueryClaim(query);
  if (query.has('AWSAccessKeyId') && query.has('Signature')) throw onlyVersion4();
  return undefined;
}

function onlyVersion4(): S3Error {
  return new S3Error(
    'InvalidRequest',
    `The authorization mechanism you have provided is not supported. Please use ${ALGORITHM}.`,
  );
}

function readHeaderClaim(header: string, headers: ReadonlyMap<string, string>): Claim {
  if (!header.startsWith(`${ALGORITHM} `)) {
    if (header.startsWith('AWS ')) throw onlyVersion4();
    throw new S3Error('InvalidArgument', 'Unsupported Authorization Type');
  }
  const fields = new Map<string, string>();
  for (const field of header.slice(ALGORITHM.length + 1).split(',')) {
    const at = field.indexOf('=');
    if (at > 0) fields.set(field.slice(0, at).trim(), field.slice(at + 1).trim());
  }
  const credential = fields.get('Credential');
  const signedHeaders = fields.get('SignedHeaders');
  const signature = fields.get('Signature');
  if (credential === undefined || signedHeaders === undefined || signature === undefined) {
    throw malformed('The authorization header is malformed; it lacks a required field.');
  }
  const time = headers.get('x-amz-date') ?? basicTime(headers.get('date'));
  if (time === undefined || parseBasicTime(time) === undefined) {
    throw new S3Error(
      'AccessDenied',
      'AWS authentication requires a valid Date or x-amz-date header',
    );
  }
  return {
    ...readScope(credential),
    signedHeaders: signedHeaders.split(';'),
    signature,
    time,
    expiresIn: undefined,
  };
}

function readQueryClaim(query: URLSearchParams): Claim {
  const get = (name: string): string => {
    const value = query.get(name);
    if (value === null || value === '')
      throw queryError(`Query-string authentication requires ${name}`);
    return value;
  };
  if (get('X-Amz-Algorithm') !== ALGORITHM)
    throw queryError(`X-Amz-Algorithm only supports "${ALGORITHM}"`);
  const time = get('X-Amz-Date');
  if (parseBasicTime(time) === undefined)
    throw queryError('X-Amz-Date must be in the ISO8601 basic format');
  const expiresIn = Number(get('X-Amz-Expires'));
  if (!Number.isInteger(expiresIn) || expiresIn < 0 || expiresIn > MAX_PRESIGNED_SECONDS) {
    throw queryError('X-Amz-Expires must be between 0 and 604800 seconds');
  }
  return {
    ...readScope(get('X-Amz-Credential')),
    signedHeaders: get('X-Amz-SignedHeaders').split(';'),
    signature: get('X-Amz-Signature'),
    time,
    expiresIn,
  };
}

function queryError(message: string): S3Error {
  return new S3Error('AuthorizationHeaderMalformed', message);
}

function malformed(message: string): S3Error {
  return new S3Error('AuthorizationHeaderMalformed', message);
}

function readScope(credential: string): Pick<Claim, 'accessKeyId' | 'day' | 'region' | 'service'> {
  const pieces = credential.split('/');
  const [day, region, service, terminator] = pieces.splice(-4);
  const accessKeyId = pieces.join('/');
  if (
    accessKeyId === '' ||
    day === undefined ||
    region === undefined ||
    service === undefined ||
    terminator !== 'aws4_request'
  ) {
    throw malformed(
      'The Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  return { accessKeyId, day, region, service };
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

const signingKeys = new Map<string, Buffer>();

/** Four HMACs that depend only on key, day, region and service, so they are kept for the day. */
export function signingKey(secret: string, day: string, region: string, service: string): Buffer {
  const name = sha256Hex(`${secret}\n${day}\n${region}\n${service}`);
  let key = signingKeys.get(name);
  if (key === undefined) {
    const step = (k: string | Buffer, text: string) =>
      createHmac('sha256', k).update(text).digest();
    key = step(step(step(step(`AWS4${secret}`, day), region), service), 'aws4_request');
    if (signingKeys.size >= 1000) signingKeys.clear();
    signingKeys.set(name, key);
  }
  return key;
}

export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Constant-time comparison of two texts of public length. */
export function equal(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

/** `20260102T030405Z` as milliseconds since the epoch, or undefined. */
export function parseBasicTime(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? undefined : time;
}

function basicTime(httpDate: string | undefined): string | undefined {
  if (httpDate === undefined) return undefined;
  const time = Date.parse(httpDate);
  if (Number.isNaN(time)) return parseBasicTime(httpDate) === undefined ? undefined : httpDate;
  return new Date(time).toISOString().replace(/[-:]|\.\d{3}/g, '');
}
