import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import {
  addPolicy,
  attachPolicyToAccessKey,
  deletePolicy,
  detachPolicyFromAccessKey,
  getPolicy,
  listAccessKeys,
  listPolicies,
  listPoliciesForAccessKey,
} from '@tigrisdata/iam';
import { AwsClient } from 'aws4fetch';
import { describe, expect, it } from 'vitest';
import {
  ADMIN,
  createKey,
  errorOf,
  openStore,
  textAt,
  tenantStatements,
  type Json,
  type TestStore,
} from './support.ts';

const Bucket = 'tenant-a';

async function openTenants(): Promise<TestStore> {
  const opened = await openStore();
  for (const name of [Bucket, 'tenant-b']) {
    await opened.s3.send(new CreateBucketCommand({ Bucket: name }));
    await opened.s3.send(new PutObjectCommand({ Bucket: name, Key: 'k', Body: name }));
  }
  return opened;
}

describe('access keys', () => {
  it('are made with a label, found by it, and named by their id ever after', async () => {
    const { iam } = await openStore();
    const made = await iam({ Action: 'CreateAccessKey', UserName: 'intent 42' });
    const key = made.json['CreateAccessKeyResult']!['AccessKey']!;
    expect(key).toMatchObject({ UserName: 'intent 42', Status: 'Active' });
    expect(key['AccessKeyId']).toMatch(/^tid_/);
    expect(key['SecretAccessKey']).toMatch(/^tsec_/);
    const UserName = textAt(key, 'AccessKeyId');
    const all = (await iam({ Action: 'ListAccessKeys' })).json['ListAccessKeysResult']!;
    expect(all['AccessKeyMetadata']).toEqual([
      expect.objectContaining({ UserName: 'intent 42', AccessKeyId: UserName }),
    ]);
    // The label is no name: what AWS would accept is an unknown user here.
    expect(await iam({ Action: 'ListUserPolicies', UserName: 'intent 42' })).toMatchObject({
      status: 404,
      json: { Error: { Code: 'NoSuchEntity' } },
    });
    expect((await iam({ Action: 'ListUserPolicies', UserName })).status).toBe(200);
    expect((await iam({ Action: 'DeleteAccessKey', AccessKeyId: UserName })).status).toBe(200);
    const gone = await iam({ Action: 'DeleteAccessKey', AccessKeyId: UserName });
    expect([gone.status, gone.json['Error']!['Code']]).toEqual([404, 'NoSuchEntity']);
  });

  it('grant nothing until a policy is attached, and nothing again when it is detached', async () => {
    const opened = await openTenants();
    const key = await createKey(opened, tenantStatements(Bucket));
    const s3 = opened.s3As(key);
    const get = () => errorOf(s3.send(new GetObjectCommand({ Bucket, Key: 'k' })));
    expect(await get()).toBe('no error');
    const names = { UserName: key.accessKeyId, PolicyArn: key.policyArn };
    await opened.iam({ Action: 'DetachUserPolicy', ...names });
    expect(await get()).toBe('AccessDenied');
    const again = await opened.iam({ Action: 'DetachUserPolicy', ...names });
    expect(again.status).toBe(404);
    await opened.iam({ Action: 'AttachUserPolicy', ...names });
    expect(await get()).toBe('no error');
  });

  it('are refused at once when inactive, rotated or deleted', async () => {
    const opened = await openTenants();
    const key = await createKey(opened, tenantStatements(Bucket));
    const get = (keys = key) =>
      errorOf(opened.s3As(keys).send(new GetObjectCommand({ Bucket, Key: 'k' })));
    const AccessKeyId = key.accessKeyId;
    await opened.iam({ Action: 'UpdateAccessKey', AccessKeyId, Status: 'Inactive' });
    expect(await get()).toBe('InvalidAccessKeyId');
    await opened.iam({ Action: 'UpdateAccessKey', AccessKeyId, Status: 'Active' });
    expect(await get()).toBe('no error');
    const rotated = await opened.iam({ Action: 'RotateAccessKey', AccessKeyId });
    expect(await get()).toBe('SignatureDoesNotMatch');
    const secretAccessKey = textAt(rotated.json, 'rotate_access_key_result', 'new_secret');
    expect(await get({ ...key, secretAccessKey })).toBe('no error');
    await opened.iam({ Action: 'DeleteAccessKey', AccessKeyId, UserName: AccessKeyId });
    expect(await get({ ...key, secretAccessKey })).toBe('InvalidAccessKeyId');
  });

  it('may not administer keys', async () => {
    const opened = await openTenants();
    const key = await createKey(opened, [{ Effect: 'Allow', Action: '*', Resource: '*' }]);
    const tried = await opened.iam({ Action: 'CreateAccessKey', UserName: 'x' }, key);
    expect([tried.status, tried.json['Error']!['Code']]).toEqual([403, 'AccessDenied']);
    const unknown = { accessKeyId: 'tid_x', secretAccessKey: 'x' };
    const refused = await opened.iam({ Action: 'ListPolicies' }, unknown);
    expect([refused.status, refused.json['Error']!['Code']]).toEqual([403, 'InvalidClientTokenId']);
  });

  it('outlive a restart', async () => {
    const opened = await openTenants();
    const key = await createKey(opened, tenantStatements(Bucket));
    await opened.store.close();
    const again = await openStore({ folder: opened.folder });
    const got = await again.s3As(key).send(new GetObjectCommand({ Bucket, Key: 'k' }));
    expect(await got.Body!.transformToString()).toBe(Bucket);
  });
});

describe('a tenant’s key', () => {
  it('reaches its own bucket and no other', async () => {
    const opened = await openTenants();
    const s3 = opened.s3As(await createKey(opened, tenantStatements(Bucket)));
    expect((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(1);
    await s3.send(new PutObjectCommand({ Bucket, Key: 'new', Body: 'x' }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'new' }));
    const other = { Bucket: 'tenant-b', Key: 'k' };
    expect(await errorOf(s3.send(new GetObjectCommand(other)))).toBe('AccessDenied');
    expect(await errorOf(s3.send(new HeadObjectCommand(other)))).toMatch(/Forbidden|Unknown/);
    expect(await errorOf(s3.send(new PutObjectCommand({ ...other, Body: 'x' })))).toBe(
      'AccessDenied',
    );
    expect(await errorOf(s3.send(new DeleteObjectCommand(other)))).toBe('AccessDenied');
    expect(await errorOf(s3.send(new ListObjectsV2Command({ Bucket: 'tenant-b' })))).toBe(
      'AccessDenied',
    );
    expect(await errorOf(s3.send(new ListBucketsCommand()))).toBe('AccessDenied');
    expect(await errorOf(s3.send(new CreateBucketCommand({ Bucket: 'mine' })))).toBe(
      'AccessDenied',
    );
    const theft = { Bucket, Key: 'stolen', CopySource: 'tenant-b/k' };
    expect(await errorOf(s3.send(new CopyObjectCommand(theft)))).toBe('AccessDenied');
    const Delete = { Objects: [{ Key: 'k' }] };
    const mass = await s3.send(new DeleteObjectsCommand({ Bucket: 'tenant-b', Delete }));
    expect(mass.Errors).toEqual([expect.objectContaining({ Key: 'k', Code: 'AccessDenied' })]);
    expect(await errorOf(s3.send(new GetObjectCommand({ Bucket, Key: 'absent' })))).toBe(
      'NoSuchKey',
    );
  });

  it('that may not list does not learn which keys exist', async () => {
    const opened = await openTenants();
    const blind = [
      { Effect: 'Allow', Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/*` },
    ];
    const s3 = opened.s3As(await createKey(opened, blind));
    const get = (Key: string) => errorOf(s3.send(new GetObjectCommand({ Bucket, Key })));
    expect([await get('k'), await get('absent')]).toEqual(['no error', 'AccessDenied']);
  });

  it('ends at the date in its policy', async () => {
    let now = Date.now();
    const opened = await openStore({ clock: { now: () => now, sleep: () => Promise.resolve() } });
    await opened.s3.send(new CreateBucketCommand({ Bucket }));
    const until = { DateLessThan: { 'aws:CurrentTime': new Date(now + 60_000).toISOString() } };
    const statement = {
      Effect: 'Allow',
      Action: 's3:ListBucket',
      Resource: `arn:aws:s3:::${Bucket}`,
      Condition: until,
    };
    const s3 = opened.s3As(await createKey(opened, [statement]));
    const list = () => errorOf(s3.send(new ListObjectsV2Command({ Bucket })));
    expect(await list()).toBe('no error');
    now += 61_000;
    expect(await list()).toBe('AccessDenied');
  });
});

describe('policies', () => {
  it('are created, read, listed in pages and deleted', async () => {
    const { iam } = await openStore();
    const document = JSON.stringify({ Version: '2012-10-17', Statement: tenantStatements(Bucket) });
    const create = (PolicyName: string, PolicyDocument = document) =>
      iam({ Action: 'CreatePolicy', PolicyName, PolicyDocument });
    for (const name of ['p1', 'p2', 'p3']) expect((await create(name)).status).toBe(200);
    const code = async (reply: Promise<{ json: Json }>) => (await reply).json['Error']!['Code'];
    expect(await code(create('p1'))).toBe('EntityAlreadyExists');
    expect(await code(create('no spaces'))).toBe('ValidationError');
    expect(await code(create('a'.repeat(129)))).toBe('ValidationError');
    expect(await code(create('p4', '{}'))).toBe('MalformedPolicyDocument');
    const PolicyArn = 'arn:aws:iam::local:policy/p1';
    const version = await iam({ Action: 'GetPolicyVersion', PolicyArn, VersionId: 'v1' });
    const told = textAt(version.json, 'GetPolicyVersionResult', 'PolicyVersion', 'Document');
    expect(decodeURIComponent(told)).toBe(document);
    const first = (await iam({ Action: 'ListPolicies', MaxItems: '2' })).json[
      'ListPoliciesResult'
    ]!;
    expect(first).toMatchObject({ IsTruncated: true, Marker: 'p2' });
    const rest = await iam({ Action: 'ListPolicies', Marker: 'p2' });
    expect(rest.json['ListPoliciesResult']!['Policies']).toHaveLength(1);
    expect((await iam({ Action: 'DeletePolicy', PolicyArn })).status).toBe(200);
    expect(await code(iam({ Action: 'GetPolicy', PolicyArn }))).toBe('NoSuchEntity');
  });

  it('cannot be deleted while attached, and go with force', async () => {
    const opened = await openTenants();
    const { policyArn: PolicyArn, ...key } = await createKey(opened, tenantStatements(Bucket));
    const users = await opened.iam({ Action: 'ListEntitiesForPolicy', PolicyArn });
    expect(users.json['ListEntitiesForPolicyResult']!['PolicyUsers']).toEqual([
      { UserName: key.accessKeyId, UserId: key.accessKeyId },
    ]);
    const refused = await opened.iam({ Action: 'DeletePolicy', PolicyArn });
    expect([refused.status, refused.json['Error']!['Code']]).toEqual([409, 'DeleteConflict']);
    expect((await opened.iam({ Action: 'ForceDeletePolicy', PolicyArn })).status).toBe(200);
    const get = opened.s3As(key).send(new GetObjectCommand({ Bucket, Key: 'k' }));
    expect(await errorOf(get)).toBe('AccessDenied');
  });

  it('answer 501 to what Tigris does not have', async () => {
    const { iam } = await openStore();
    for (const Action of ['PutUserPolicy', 'CreateUser', 'GetAccessKeyLastUsed']) {
      expect((await iam({ Action })).status).toBe(501);
    }
  });

  it('answer in AWS’s XML unless JSON is asked for', async () => {
    const { store } = await openStore();
    const client = new AwsClient({ ...ADMIN, service: 'iam', region: 'us-east-1' });
    const response = await client.fetch(`${store.url}/`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'Action=CreateAccessKey&UserName=a%26b&Version=2010-05-08',
    });
    const text = await response.text();
    expect(text).toMatch(
      /^<\?xml.*\?>\n<CreateAccessKeyResponse xmlns="https:\/\/iam\.amazonaws\.com\/doc\/2010-05-08\/"><CreateAccessKeyResult><AccessKey><UserName>a&amp;b</,
    );
    const error = await client.fetch(`${store.url}/`, { method: 'POST', body: 'Action=GetPolicy' });
    expect(error.status).toBe(400);
    expect(await error.text()).toContain('<Error><Type>Sender</Type><Code>ValidationError</Code>');
  });
});

describe('Tigris’s own IAM client', () => {
  it('manages policies and reads keys', async () => {
    const opened = await openStore();
    const key = await createKey(opened, tenantStatements(Bucket), 'first');
    const config = { ...ADMIN, iamEndpoint: opened.store.url };
    const added = await addPolicy('second', {
      description: 'read',
      document: {
        version: '2012-10-17',
        statements: [
          { effect: 'Allow', action: ['s3:GetObject'], resource: ['arn:aws:s3:::tenant-a/*'] },
        ],
      },
      config,
    });
    expect(added.error).toBeUndefined();
    const arn = added.data!.resource;
    expect((await attachPolicyToAccessKey(key.accessKeyId, arn, { config })).error).toBeUndefined();
    const attached = await listPoliciesForAccessKey(key.accessKeyId, { config });
    expect(attached.data?.policies).toEqual(['first', 'second']);
    expect((await getPolicy(arn, { config })).data?.users).toHaveLength(1);
    expect((await listPolicies({ config })).data?.policies).toHaveLength(2);
    const keys = await listAccessKeys({ config });
    expect(keys.data?.accessKeys).toEqual([
      expect.objectContaining({ id: key.accessKeyId, name: 'label of first', status: 'active' }),
    ]);
    expect(
      (await detachPolicyFromAccessKey(key.accessKeyId, arn, { config })).error,
    ).toBeUndefined();
    expect((await deletePolicy(arn, { config })).error).toBeUndefined();
  });
});
