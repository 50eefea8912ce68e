/** Why a request failed, as far as the sync engine must tell cases apart. */
export type S3Failure =
  /** 412, or 409 when another conditional write was under way: the object is not what was expected. */
  | 'precondition'
  | 'not-found'
  /** The access key is unknown, revoked, expired or may not do this. */
  | 'denied'
  | 'throttled'
  /** 5xx. A write may have happened all the same. */
  | 'server'
  /** No whole answer: refused, cut, timed out. A write may have happened all the same. */
  | 'network'
  | 'refused';

export interface S3ErrorDetails {
  status?: number;
  /** S3's own code: `NoSuchKey`, `InvalidAccessKeyId`. */
  s3Code?: string;
  cause?: unknown;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const KEY_CODES: ReadonlySet<string> = new Set([
  ...['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'AccountProblem', 'AllAccessDisabled'],
  ...['ExpiredToken', 'InvalidToken', 'TokenRefreshRequired', 'NotSignedUp', 'InvalidSecurity'],
]);
const CLOCK_CODES: ReadonlySet<string> = new Set(['RequestTimeTooSkewed', 'RequestExpired']);

function isFull(status: number | undefined, s3Code: string | undefined): boolean {
  return status === 507 || s3Code === 'InsufficientStorage' || s3Code === 'QuotaExceeded';
}

export class S3RequestError extends Error {
  override readonly name = 'S3RequestError';
  readonly failure: S3Failure;
  readonly status: number | undefined;
  readonly s3Code: string | undefined;

  constructor(failure: S3Failure, message: string, details: S3ErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.failure = failure;
    this.status = details.status;
    this.s3Code = details.s3Code;
  }

  /** Whether a write that ended like this may nevertheless have taken place. */
  get ambiguous(): boolean {
    return this.failure === 'network' || this.failure === 'server' || this.failure === 'throttled';
  }

  /** The key itself is not accepted, so no other request with it will be. */
  get keyRefused(): boolean {
    if (this.failure !== 'denied') return false;
    return this.status === 401 || KEY_CODES.has(this.s3Code ?? '');
  }

  /** This machine's clock is so far off that signatures count as too old or too new. */
  get clockRefused(): boolean {
    return CLOCK_CODES.has(this.s3Code ?? '');
  }

  get storageFull(): boolean {
    return isFull(this.status, this.s3Code);
  }
}

export function isS3Failure(error: unknown, ...failures: S3Failure[]): error is S3RequestError {
  return error instanceof S3RequestError && failures.includes(error.failure);
}

/** S3's error answer as an error; `body` is its XML, empty for HEAD. */
export function errorFromAnswer(status: number, body: string, what: string): S3RequestError {
  const s3Code = /<Code>([^<]+)<\/Code>/.exec(body)?.[1];
  const named = s3Code === undefined ? String(status) : `${status} ${s3Code}`;
  return new S3RequestError(failureOf(status, s3Code), `${what}: the storage answered ${named}`, {
    status,
    ...(s3Code === undefined ? {} : { s3Code }),
  });
}

function failureOf(status: number, s3Code: string | undefined): S3Failure {
  if (s3Code === 'SlowDown' || status === 429) return 'throttled';
  if (status === 412 || status === 409) return 'precondition';
  // Nothing was written, and nothing will be soon.
  if (isFull(status, s3Code)) return 'refused';
  if (status === 404) return s3Code === 'NoSuchBucket' ? 'refused' : 'not-found';
  if (status === 401 || status === 403) return 'denied';
  if (status === 400 && s3Code !== undefined && KEY_CODES.has(s3Code)) {
    return 'denied';
  }
  // S3 ends an upload whose body does not arrive with 400 RequestTimeout.
  if (status === 408 || s3Code === 'RequestTimeout') return 'network';
  return status >= 500 ? 'server' : 'refused';
}
