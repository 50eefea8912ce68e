import { describe, expect, it } from 'vitest';
import { endingOfRun, scanEnding, stateAfter, storageEnding } from '../../../src/bisync/endings.ts';
import { renewedAccess } from '../../../src/bisync/renew-access.ts';
import { AbortError } from '../../../src/output/errors.ts';
import { errorFromAnswer, S3RequestError } from '../../../src/s3/errors.ts';
import type { BucketAccess } from '../../../src/session/bucket-access.ts';

/** The decision table: what was seen, what is done about it, what a person hears if that fails. */
describe('a scan that failed', () => {
  it.each([
    ['InvalidAccessKeyId: The AWS Access Key Id does not exist', 'renew-access', 'needs-login', 4],
    ['S3: ListObjectsV2, https response error StatusCode: 403', 'renew-access', 'needs-login', 4],
    ['api error ExpiredToken: the token has expired', 'renew-access', 'needs-login', 4],
    ['NoSuchBucket: The specified bucket does not exist', 'stop', 'bucket-missing', 78],
    ['dial tcp 127.0.0.1:1: connect: connection refused', 'stop', 'offline', 5],
    ['dial tcp: lookup t3.storage.dev: no such host', 'stop', 'offline', 5],
    ['https response error StatusCode: 503, SlowDown', 'retry-later', 'offline', 5],
    ['https response error StatusCode: 500, InternalError', 'retry-later', 'offline', 5],
    ['https response error StatusCode: 429, TooManyRequests', 'retry-later', 'offline', 5],
    ['read tcp 1.2.3.4: connection reset by peer', 'retry-later', 'offline', 5],
    ['net/http: i/o timeout', 'retry-later', 'offline', 5],
    ['write /x: no space left on device', 'stop', 'disk-full', 1],
    ['open /x: file name too long', 'list-ourselves', 'path-too-long', 2],
    ['Fatal error: unknown flag: --check-filename', 'list-ourselves', 'rclone-unfit', 12],
    ['StatusCode: 403, api error RequestTimeTooSkewed: the difference', 'stop', 'clock-wrong', 78],
    ['open /x/shut.md: permission denied', 'leave-out', 'scan-failed', 1],
    ['lstat /x/gone.md: no such file or directory', 'leave-out', 'scan-failed', 1],
    ['something new', 'retry-now', 'scan-failed', 1],
    // What files are called says nothing.
    ['open /x/EOF: AccessDenied Forbidden: permission denied', 'leave-out', 'scan-failed', 1],
    [
      'Synching Path1 "/home/NoSuchBucket \\" EOF/" with Path2 "x:b/"',
      'retry-now',
      'scan-failed',
      1,
    ],
    ['- Path1    File is new               - SlowDown.md', 'retry-now', 'scan-failed', 1],
  ])('%s: %s, else %s', (log, remedy, code, exitCode) => {
    const ending = scanEnding({ exitCode: 7, endedBy: undefined, silent: false, tail: [log] });
    expect(ending).toMatchObject({ remedy, error: { code, exitCode } });
  });

  it.each([
    ['was killed', { endedBy: 'SIGKILL', silent: false } as const],
    ['fell silent', { endedBy: 'SIGKILL', silent: true } as const],
  ])('and %s is tried again, whatever it said before', (_how, how) => {
    const tail = ['connection refused'];
    const ending = scanEnding({ exitCode: undefined, ...how, tail });
    expect(ending).toMatchObject({ remedy: 'retry-now', error: { code: 'scan-failed' } });
  });
});

describe('a request that failed and ends the run', () => {
  it.each([
    [403, 'RequestTimeTooSkewed', 'stop', 'clock-wrong', 78],
    [507, 'InsufficientStorage', 'stop', 'storage-full', 1],
    [403, 'InvalidAccessKeyId', 'renew-access', 'needs-login', 4],
    [403, 'AccessDenied', 'renew-access', 'needs-login', 4],
    [400, 'ExpiredToken', 'renew-access', 'needs-login', 4],
    [401, 'Unauthorized', 'renew-access', 'needs-login', 4],
    [404, 'NoSuchBucket', 'stop', 'bucket-missing', 78],
    [429, 'TooManyRequests', 'stop', 'offline', 5],
    [503, 'SlowDown', 'stop', 'offline', 5],
    [500, 'InternalError', 'stop', 'offline', 5],
    [408, 'RequestTimeout', 'stop', 'offline', 5],
    [400, 'InvalidArgument', 'stop', 'storage-failed', 1],
  ])('with %s %s: %s, else %s', (status, s3Code, remedy, code, exitCode) => {
    const error = errorFromAnswer(status, `<Code>${s3Code}</Code>`, 'PUT a');
    expect(storageEnding(error)).toMatchObject({ remedy, error: { code, exitCode } });
    expect(endingOfRun(error)).toMatchObject({ remedy, error: { code } });
  });

  it('without any answer is offline', () => {
    const error = new S3RequestError('network', 'GET a: connect ECONNREFUSED');
    expect(storageEnding(error)).toMatchObject({ remedy: 'stop', error: { code: 'offline' } });
  });

  it('leaves its state with the pair', () => {
    expect(stateAfter(endingOfRun(new S3RequestError('network', 'x')).error)).toBe('offline');
    expect(stateAfter(new AbortError('halted-delete-guard', 'x'))).toBe('halted-delete-guard');
    expect(stateAfter(new AbortError('disk-full', 'x'))).toBe('error');
    expect(stateAfter(new TypeError('x'))).toBe('error');
  });
});

describe('another key', () => {
  const old = { accessKeyId: 'a', secretAccessKey: 's', bucket: 'b', tenant: { id: 't' } };
  const refusal = new AbortError('needs-login', 'refused', { exitCode: 4 });
  const ask = (answer: object): Promise<BucketAccess> =>
    renewedAccess(old as BucketAccess, refusal, () =>
      answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer as BucketAccess),
    );

  it('is taken when it is another one of the same bucket', async () => {
    expect(await ask({ ...old, accessKeyId: 'new' })).toMatchObject({ accessKeyId: 'new' });
  });

  it.each([
    ['the same key again', { ...old }, 'needs-login', 4],
    ['a key for another bucket', { ...old, accessKeyId: 'n', bucket: 'c' }, 'bucket-changed', 78],
    ['a refusal', new AbortError('tenant-suspended', 'no', { exitCode: 4 }), 'needs-login', 4],
    ['no answer', new AbortError('unreachable', 'no', { exitCode: 5 }), 'offline', 5],
  ])('is not when the server gives %s', async (_what, answer, code, exitCode) => {
    await expect(ask(answer)).rejects.toMatchObject({ code, exitCode });
  });
});
