import { S3Error } from './errors.ts';
import { httpDate } from './stamps.ts';

/** What conditions are checked against: the current version of an object. */
export interface Version {
  etag: string;
  stamp: number;
}

type Headers = ReadonlyMap<string, string>;

/**
 * Conditions of a read. S3 follows RFC 9110 with its two combinations: a matching If-Match
 * overrides If-Unmodified-Since, a failed If-None-Match decides alone over If-Modified-Since.
 *
 * @throws S3Error PreconditionFailed or NotModified
 */
export function checkReadConditions(headers: Headers, version: Version, prefix = ''): void {
  const ifMatch = headers.get(`${prefix}if-match`);
  const unmodifiedSince = dateOf(headers.get(`${prefix}if-unmodified-since`));
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, version.etag)) throw failed('If-Match');
  } else if (unmodifiedSince !== undefined && seconds(version.stamp) > unmodifiedSince) {
    throw failed('If-Unmodified-Since');
  }
  const ifNoneMatch = headers.get(`${prefix}if-none-match`);
  const modifiedSince = dateOf(headers.get(`${prefix}if-modified-since`));
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, version.etag)) throw notModified(prefix, 'If-None-Match', version);
  } else if (modifiedSince !== undefined && seconds(version.stamp) <= modifiedSince) {
    throw notModified(prefix, 'If-Modified-Since', version);
  }
}

/**
 * Conditions of a write. They are checked inside the transaction that writes, so of two writers
 * with the same condition one fails.
 *
 * @param current looks the present version up; called only if there is a condition
 * @throws S3Error PreconditionFailed, or NoSuchKey for If-Match on nothing
 */
export function checkWriteConditions(headers: Headers, current: () => Version | undefined): void {
  if (!headers.has('if-match') && !headers.has('if-none-match')) return;
  const version = current();
  const ifMatch = headers.get('if-match');
  if (ifMatch !== undefined) {
    if (version === undefined) throw new S3Error('NoSuchKey', 'The specified key does not exist.');
    if (!matches(ifMatch, version.etag)) throw failed('If-Match');
  }
  const ifNoneMatch = headers.get('if-none-match');
  if (ifNoneMatch !== undefined && version !== undefined && matches(ifNoneMatch, version.etag)) {
    throw failed('If-None-Match');
  }
}

/** Whether a list of entity tags, with or without quotation marks, names this one. */
export function matches(list: string, etag: string): boolean {
  return list.split(',').some((item) => {
    const tag = item.trim().replace(/^W\//, '');
    return tag === '*' || tag === etag || tag === `"${etag}"`;
  });
}

function failed(condition: string): S3Error {
  return new S3Error(
    'PreconditionFailed',
    'At least one of the pre-conditions you specified did not hold',
    { Condition: condition },
  );
}

/** A copy has no 304: its conditions are about the source, and any that fails refuses the copy. */
function notModified(prefix: string, condition: string, version: Version): S3Error {
  if (prefix !== '') return failed(condition);
  // RFC 9110, 15.4.5: a 304 repeats the validators.
  const validators = { etag: `"${version.etag}"`, 'last-modified': httpDate(version.stamp) };
  return new S3Error('NotModified', 'Not Modified', validators);
}

function seconds(stamp: number): number {
  return Math.floor(stamp / 1e6);
}

/** Seconds since the epoch; an unreadable date counts as not given (RFC 9110, 13.1.3). */
function dateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : Math.floor(time / 1000);
}
