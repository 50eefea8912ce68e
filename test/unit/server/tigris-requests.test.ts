import { http, HttpResponse } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bucketPolicy } from '../../../src/server/domain/bucket-policy.ts';
import { TigrisStorage } from '../../../src/server/storage/tigris-storage.ts';

const S3 = 'https://t3.storage.dev';
const IAM = 'https://iam.storage.dev';
const ARN = 'arn:aws:iam::org_1:policy/cloud-mount-1';

interface Seen {
  method: string;
  path: string;
  /** Of SigV4's scope: `…/auto/s3/aws4_request`. */
  scope: string;
  tigris: Record<string, string>;
  body: unknown;
}

/** What Tigris documents as its answers (facts: IAM query API in XML, S3). */
const iam = (action: string, result = ''): string =>
  `<${action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/">${
    result === '' ? '' : `<${action}Result>${result}</${action}Result>`
  }<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></${action}Response>`;
const ANSWERS: Record<string, string> = {
  CreatePolicy: iam('CreatePolicy', `<Policy><Arn>${ARN}</Arn></Policy>`),
  CreateAccessKey: iam(
    'CreateAccessKey',
    '<AccessKey><UserName>l</UserName><AccessKeyId>tid_1</AccessKeyId><Status>Active</Status><SecretAccessKey>tsec_a+b/c</SecretAccessKey></AccessKey>',
  ),
  ListAccessKeys: iam(
    'ListAccessKeys',
    '<IsTruncated>false</IsTruncated><AccessKeyMetadata><member><AccessKeyId>tid_1</AccessKeyId><UserName>l</UserName><Status>Inactive</Status></member></AccessKeyMetadata>',
  ),
};

let seen: Seen[] = [];
/** Answers that come before the usual ones. */
let trouble: (() => Response)[] = [];

async function answer({ request }: { request: Request }): Promise<Response> {
  const text = await request.text();
  const { pathname, search } = new URL(request.url);
  const type = request.headers.get('content-type') ?? '';
  const form = Object.fromEntries(new URLSearchParams(text));
  seen.push({
    method: request.method,
    path: pathname + search,
    scope:
      /Credential=tid_admin\/\d{8}\/([^,]+)/.exec(
        request.headers.get('authorization') ?? '',
      )?.[1] ?? '',
    tigris: Object.fromEntries([...request.headers].filter(([name]) => name.includes('tigris'))),
    body: type.includes('form') ? form : type.includes('json') ? JSON.parse(text) : text,
  });
  const failing = trouble.shift();
  if (failing !== undefined) return failing();
  return new HttpResponse(ANSWERS[form['Action'] ?? ''] ?? '');
}

const server = setupServer(http.all(`${S3}/*`, answer), http.all(`${IAM}/*`, answer));
beforeAll(() => server.listen());
beforeEach(() => {
  seen = [];
  trouble = [];
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

function open(pauses: number[] = []): TigrisStorage {
  return new TigrisStorage(
    {
      ...{ s3Endpoint: S3, iamEndpoint: IAM, region: 'auto', bucketRegions: 'fra' },
      ...{ accessKeyId: 'tid_admin', secretAccessKey: 'tsec_admin' },
    },
    {
      random: () => 1,
      clock: {
        now: () => Date.now() + pauses.reduce((sum, each) => sum + each, 0),
        sleep: (ms) => {
          pauses.push(ms);
          return Promise.resolve();
        },
      },
    },
  );
}

const refusal =
  (status: number, code: string, headers: Record<string, string> = {}) =>
  () =>
    new HttpResponse(`<ErrorResponse><Error><Code>${code}</Code></Error></ErrorResponse>`, {
      status,
      headers,
    });

describe('what is sent to Tigris', () => {
  it('makes a bucket where it should lie, with snapshots and soft delete', async () => {
    expect(await open().createBucket('cloud-acme-1')).toBe(true);
    expect(seen).toMatchObject([
      {
        ...{ method: 'PUT', path: '/cloud-acme-1', scope: 'auto/s3/aws4_request' },
        tigris: {
          'x-tigris-enable-snapshot': 'true',
          'x-tigris-regions': 'fra',
          'x-tigris-soft-delete': '30',
        },
      },
    ]);
  });

  it('issues and revokes by the IAM query API, where a key is named by its id', async () => {
    const storage = open();
    const policy = bucketPolicy({
      ...{ bucket: 'b', prefix: 'n/', permission: 'ro', expiresAt: null },
      sourceIps: ['192.0.2.0/24'],
    });
    expect(await storage.createPolicy('cloud-mount-1', policy)).toBe(ARN);
    // A plus in a secret stays one.
    expect(await storage.createAccessKey('cloud-mount-1')).toEqual({
      ...{ accessKeyId: 'tid_1', secretAccessKey: 'tsec_a+b/c' },
    });
    await storage.attachPolicy('tid_1', ARN);
    expect(await storage.setAccessKeyActive('tid_1', false)).toBe(true);
    expect(await storage.listAccessKeys()).toEqual([{ id: 'tid_1', label: 'l', active: false }]);
    await storage.deleteAccessKey('tid_1');
    await storage.deletePolicy(ARN);
    expect(new Set(seen.map(({ method, path, scope }) => `${method} ${path} ${scope}`))).toEqual(
      new Set(['POST / auto/iam/aws4_request']),
    );
    const key = { UserName: 'tid_1', AccessKeyId: 'tid_1' };
    expect(seen.map(({ body }) => body)).toMatchObject([
      {
        Action: 'CreatePolicy',
        PolicyName: 'cloud-mount-1',
        PolicyDocument: JSON.stringify(policy),
      },
      { Action: 'CreateAccessKey', UserName: 'cloud-mount-1', Version: '2010-05-08' },
      { Action: 'AttachUserPolicy', UserName: 'tid_1', PolicyArn: ARN },
      { Action: 'UpdateAccessKey', ...key, Status: 'Inactive' },
      { Action: 'ListAccessKeys' },
      { Action: 'DeleteAccessKey', ...key },
      { Action: 'DeletePolicy', PolicyArn: ARN },
    ]);
  });

  it('sets notifications by PATCH with JSON, and takes and reads snapshots by headers', async () => {
    const storage = open();
    await storage.setNotifications('b', { url: 'https://cloud.example/w', token: 't' });
    await storage.createSnapshot('b', 'before');
    await storage.destroyBucket('b');
    expect(seen).toMatchObject([
      {
        ...{ method: 'PATCH', path: '/b', scope: 'auto/s3/aws4_request' },
        body: {
          object_notifications: {
            ...{ enabled: true, web_hook: 'https://cloud.example/w', auth: { token: 't' } },
          },
        },
      },
      { method: 'PUT', path: '/b', tigris: { 'x-tigris-snapshot': 'true; name=before' } },
      { method: 'DELETE', path: '/b', tigris: { 'tigris-force-delete': 'true' } },
    ]);
  });
});

describe('trouble at Tigris', () => {
  it.each([
    ['429', refusal(429, 'TooManyRequests')],
    ['SlowDown', refusal(503, 'SlowDown')],
    ['Throttling', refusal(400, 'Throttling')],
  ])(
    '%s turns a call away before it is begun, so that any may be repeated',
    async (_what, fail) => {
      trouble = [fail, fail, fail];
      const pauses: number[] = [];
      await open(pauses).createAccessKey('l');
      expect(seen).toHaveLength(4);
      expect(pauses).toEqual([200, 400, 800]);
    },
  );

  it('is waited for as long as it asks, within the deadline', async () => {
    trouble = [refusal(429, 'TooManyRequests', { 'retry-after': '3' })];
    const pauses: number[] = [];
    await open(pauses).createAccessKey('l');
    expect(pauses).toEqual([3000]);
    trouble = [refusal(429, 'TooManyRequests', { 'retry-after': '60' })];
    await expect(open().createAccessKey('l')).rejects.toMatchObject({ status: 429 });
  });

  it.each([
    ['an error of the service', refusal(500, 'InternalError')],
    ['no answer', () => HttpResponse.error()],
  ])('%s: what is safe is repeated, a creation never', async (_what, fail) => {
    const storage = open();
    trouble = [fail, fail];
    expect(await storage.listAccessKeys()).toHaveLength(1);
    expect(seen).toHaveLength(3);
    for (const create of [
      () => storage.createAccessKey('l'),
      () => storage.createPolicy('p', {}),
      () => storage.createBucket('b'),
      () => storage.createSnapshot('b', undefined),
    ]) {
      seen = [];
      trouble = [fail];
      await expect(create()).rejects.toThrow('at the object storage');
      expect(seen).toHaveLength(1);
    }
  });

  it('ends after a few tries, and refusals and what is not offered are not repeated', async () => {
    trouble = Array.from({ length: 9 }, () => refusal(500, 'InternalError'));
    await expect(open().deleteAccessKey('tid_1')).rejects.toMatchObject({ code: 'InternalError' });
    expect(seen).toHaveLength(3);
    for (const [status, code] of [
      [403, 'AccessDenied'],
      [501, 'NotImplemented'],
    ] as const) {
      seen = [];
      trouble = [refusal(status, code)];
      await expect(open().listAccessKeys()).rejects.toMatchObject({ code, status });
      expect(seen).toHaveLength(1);
    }
  });

  it('that goes round in circles is not followed', async () => {
    const answer = (text: string) => () => new HttpResponse(text);
    const keys = answer(
      '<ListAccessKeysResponse><ListAccessKeysResult><IsTruncated>true</IsTruncated><Marker>m</Marker><AccessKeyMetadata/></ListAccessKeysResult></ListAccessKeysResponse>',
    );
    trouble = Array.from({ length: 9 }, () => keys);
    await expect(open().listAccessKeys()).rejects.toMatchObject({ code: 'BadAnswer' });
    expect(seen).toHaveLength(2);

    const buckets = answer(
      '<ListAllMyBucketsResult><Buckets/><ContinuationToken>t</ContinuationToken></ListAllMyBucketsResult>',
    );
    trouble = Array.from({ length: 9 }, () => buckets);
    await expect(open().listBuckets('cloud')).rejects.toMatchObject({ code: 'BadAnswer' });

    // Says that it has deleted an object, and has it.
    const object = answer(
      '<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>',
    );
    const rounds = Array.from({ length: 9 }, () => [object, answer('<DeleteResult/>')]);
    trouble = [refusal(409, 'BucketNotEmpty'), ...rounds.flat()];
    await expect(open().destroyBucket('b')).rejects.toMatchObject({ code: 'StillThere' });
  });

  it('says no secret in an answer that is not understood', async () => {
    trouble = [() => new HttpResponse('<CreateAccessKeyResponse>tsec_x</CreateAccessKeyResponse>')];
    const error = await open()
      .createAccessKey('l')
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'BadAnswer' });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('tsec_x');
  });
});
