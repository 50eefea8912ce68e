import { expect, it, onTestFinished } from 'vitest';
import { createApiClient, type ApiClient } from '../../../src/api/client.ts';
import { StorageError } from '../../../src/server/storage/provider.ts';
import { createS3Client, type S3Client } from '../../../src/s3/client.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../../support/server.ts';
import { createHash } from 'node:crypto';

interface Opened {
  server: TestServer;
  api: ApiClient;
  s3: S3Client;
  save(key: string, text: string, before: string | null): Promise<string>;
}

async function open(options: TestServerOptions = {}): Promise<Opened> {
  const server = await startTestServer({ tenants: ['acme', 'other'], ...options });
  onTestFinished(() => server.close());
  const token = (): Promise<string> => Promise.resolve(server.apiKeyOf('acme'));
  const api = createApiClient({ server: server.url, token });
  const key = await api.createMountCredential({});
  const s3 = createS3Client({
    ...{ endpoint: key.endpoint_url, region: key.region, bucket: key.bucket_name },
    ...{ accessKeyId: key.access_key, secretAccessKey: key.secret_key },
  });
  onTestFinished(() => s3.close());
  const save: Opened['save'] = (name, text, before) =>
    s3.put({
      ...{ key: name, body: Buffer.from(text), modifiedMs: 0 },
      md5: createHash('md5').update(text).digest('hex'),
      condition: before === null ? { ifAbsent: true } : { ifMatch: before },
    });
  return { server, api, s3, save };
}

async function textAt(s3: S3Client, key: string, at: string): Promise<string> {
  const { body } = await s3.get(key, undefined, at);
  let text = '';
  for await (const chunk of body) text += String(chunk);
  return text;
}

it('a new bucket keeps every version, and a mount credential reads each of them', async () => {
  const { api, s3, save } = await open();
  const odd = 'a b/ö+&%41.md';
  const first = await save(odd, 'one', null);
  await save(`${odd}x`, 'a key that begins like it', null);
  const second = await save(odd, 'second', first);
  await s3.delete(odd, second);
  const { versions } = await api.listVersions(odd);
  expect(versions.map(({ size, deleted, latest }) => ({ size, deleted, latest }))).toEqual([
    { size: null, deleted: true, latest: true },
    { size: 6, deleted: false, latest: false },
    { size: 3, deleted: false, latest: false },
  ]);
  expect(versions.map(({ etag }) => etag)).toEqual([null, second, first]);
  expect(await textAt(s3, odd, versions[1]!.version)).toBe('second');
  expect(await textAt(s3, odd, versions[2]!.version)).toBe('one');
  expect(await s3.head(odd, undefined, versions[0]!.version)).toBeUndefined();
  expect(await api.listVersions('never-was')).toEqual({ versions: [] });
});

it('a snapshot has a name, is listed, and shows the bucket as it was', async () => {
  const { server, api, s3, save } = await open();
  expect(await api.listSnapshots()).toEqual({ snapshots: [] });
  const etag = await save('a.md', 'before', null);
  const taken = await api.createSnapshot({ name: 'before a rebuild' });
  await save('a.md', 'after', etag);
  await save('new.md', 'x', null);
  const unnamed = await api.createSnapshot({});
  expect(await api.listSnapshots()).toMatchObject({
    snapshots: [
      { version: taken.version, name: 'before a rebuild' },
      { version: unnamed.version, name: null },
    ],
  });
  expect(await textAt(s3, 'a.md', taken.version)).toBe('before');
  const keys: string[] = [];
  for await (const { key } of s3.listAll(undefined, { at: taken.version })) keys.push(key);
  expect(keys).toEqual(['a.md']);
  const foreign = createApiClient({
    server: server.url,
    token: () => Promise.resolve(server.apiKeyOf('other')),
  });
  expect(await foreign.listSnapshots()).toEqual({ snapshots: [] });
  expect(await foreign.listVersions('a.md')).toEqual({ versions: [] });
});

it('a mount credential can neither take nor list snapshots by itself', async () => {
  const { server, api } = await open();
  const key = await api.createMountCredential({});
  const { AwsClient } = await import('aws4fetch');
  const client = new AwsClient({
    ...{ accessKeyId: key.access_key, secretAccessKey: key.secret_key },
    ...{ service: 's3', region: 'auto', retries: 0 },
  });
  const bucket = `${key.endpoint_url}/${key.bucket_name}`;
  const take = { method: 'PUT', headers: { 'x-tigris-snapshot': 'true' } };
  expect((await client.fetch(bucket, take)).status).toBe(403);
  const list = { headers: { 'x-tigris-snapshot': key.bucket_name } };
  expect((await client.fetch(`${key.endpoint_url}/`, list)).status).toBe(403);
  expect((await fetch(`${server.url}/tenant/snapshots`)).status).toBe(401);
});

it('says what is wrong: a name, a path, a bucket that was made without snapshots', async () => {
  const { api } = await open({
    wrapStorage: (storage) =>
      Object.assign(storage, {
        // What the object store answers for such a bucket (object-store/tigris.test.ts).
        createSnapshot: () =>
          Promise.reject(new StorageError('CreateSnapshot', 'InvalidArgument', 400)),
        listVersions: () =>
          Promise.resolve([{ version: 'null', size: 1, etag: '"x"', latest: true }]),
      }),
  });
  await expect(api.createSnapshot({ name: 'ümlaut' })).rejects.toMatchObject({
    details: { status: 422, field: 'name' },
  });
  await expect(api.listVersions('')).rejects.toMatchObject({ details: { status: 422 } });
  for (const asked of [api.createSnapshot({}), api.listVersions('a.md')]) {
    await expect(asked).rejects.toMatchObject({ code: 'no-snapshots', exitCode: 1 });
  }
});
