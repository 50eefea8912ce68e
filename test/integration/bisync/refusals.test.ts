import { createHash } from 'node:crypto';
import { beforeEach, expect, it } from 'vitest';
import { createS3Client, type S3Client } from '../../../src/s3/client.ts';
import { errorFromAnswer } from '../../../src/s3/errors.ts';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
  await laptop.write('a.md', 'a');
  await laptop.write('b.md', 'b');
  await laptop.sync();
});

/** The real storage, but each PUT of `a.md` is answered like this. */
function refusing(status: number, code: string): S3Client {
  const real = createS3Client(bucket.access);
  const put: S3Client['put'] = (request) =>
    request.key === 'a.md'
      ? Promise.reject(errorFromAnswer(status, `<Error><Code>${code}</Code></Error>`, 'PUT a.md'))
      : real.put(request);
  return Object.defineProperties({ ...real, put }, { clockSkewMs: { value: 0 } });
}

it.each([
  [403, 'AccessDenied', /access key of this machine may not/],
  [507, 'InsufficientStorage', /^the cloud storage is full/],
])('%s %s is the problem of one path', async (status, code, message) => {
  await laptop.write('a.md', 'edited');
  await laptop.write('b.md', 'edited too');
  const result = await laptop.sync({}, { s3: refusing(status, code) });
  const said: unknown = expect.stringMatching(message);
  expect(result).toMatchObject({
    exitCode: 3,
    problems: [{ path: 'a.md', reason: 'storage', message: said }],
  });
  expect(await bucket.get('b.md')).toBe('edited too');
  expect((await laptop.sync()).exitCode).toBe(0);
  expect(await bucket.get('a.md')).toBe('edited');
});

it.each([
  [403, 'InvalidAccessKeyId', 'needs-login', 4],
  [400, 'ExpiredToken', 'needs-login', 4],
  [403, 'RequestTimeTooSkewed', 'clock-wrong', 78],
])('%s %s ends the run as %s', async (status, code, stop, exitCode) => {
  await laptop.write('a.md', 'edited');
  const run = laptop.sync({}, { s3: refusing(status, code) });
  await expect(run).rejects.toMatchObject({ code: stop, exitCode });
  expect((await laptop.sync()).exitCode).toBe(0);
  expect(await bucket.get('a.md')).toBe('edited');
});

it("a stale MD5 in an object's metadata hides no edit", async () => {
  const stale = createHash('md5').update('a').digest('base64');
  await laptop.write('a.md', 'edited here');
  const theirs = (): Promise<void> => bucket.put('a.md', 'x', { 'x-amz-meta-md5chksum': stale });
  const result = await laptop.sync({}, { afterPlan: theirs });
  expect(result.counts.conflicts).toBe(1);
  const contents = [...(await bucket.objects()).values()];
  expect(contents).toEqual(expect.arrayContaining(['edited here', 'x']));
  expect(await laptop.files()).toEqual(await bucket.objects());
});
