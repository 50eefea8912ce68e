import { NOTIFICATIONS } from './notifications.ts';
import { isRefused } from './scratch.ts';
import { asTenant, Broken, expectAll, grantOn, needed, type Step } from './step.ts';

const KEY_CURE = 'The key in CLOUD_SERVER_STORAGE_ACCESS_KEY_ID has to be an administrator’s.';
const ISOLATION_CURE =
  'Do not let tenants in: their keys would reach what is not theirs. Ask the storage’s support.';

const PREFIX_CURE =
  'Issue no keys with a prefix. Where the storage refuses their policy, none can be had; nothing wider is issued instead.';

export const STEPS: readonly Step[] = [
  {
    id: 'abandoned',
    title: 'Remove what an earlier check has left',
    cure: KEY_CURE,
    run: async (made, _deps, scratch) => {
      const count = await scratch.removeAbandoned();
      made.reached = true;
      return count === 0 ? 'nothing was left' : `${count} removed`;
    },
  },
  {
    id: 'buckets',
    title: 'Make two buckets with snapshots and soft delete',
    cure: `${KEY_CURE} Does CLOUD_SERVER_BUCKET_REGIONS name regions of it?`,
    run: async (made, _deps, scratch) => {
      needed(made.reached);
      const [one, two] = [await scratch.bucket('one'), await scratch.bucket('two')];
      made.buckets = { one, two };
      return `${one}, ${two}`;
    },
  },
  {
    id: 'keys',
    title: 'Issue a key for each, and wait until it is known',
    cure: `${KEY_CURE} Is CLOUD_SERVER_STORAGE_IAM_ENDPOINT right?`,
    run: async (made, { clock }, scratch) => {
      const begun = clock.now();
      const { one, two } = needed(made.buckets);
      made.one = { bucket: one, key: await scratch.key('one', grantOn(one)) };
      made.two = { bucket: two, key: await scratch.key('two', grantOn(two)) };
      return `policy, key and first use took ${Math.round((clock.now() - begun) / 2)} ms each`;
    },
  },
  {
    id: 'use',
    title: 'Write, read, list and delete with it',
    cure: 'The policy of a key does not give what rclone needs.',
    run: async (made, _deps, scratch) => {
      const { bucket, key } = needed(made.one);
      const tenant = asTenant(scratch, key);
      await expectAll('allowed', {
        write: () => tenant.put(bucket, 'a.txt'),
        read: () => tenant.get(bucket, 'a.txt'),
        list: () => tenant.list(bucket),
        delete: () => tenant.delete(bucket, 'a.txt'),
      });
      return 'all four';
    },
  },
  {
    id: 'conditions',
    title: 'Refuse to overwrite what changed (If-None-Match, If-Match)',
    cure: 'Two machines that save the same file at once could lose one of the versions.',
    run: async (made, _deps, scratch) => {
      const { bucket, key } = needed(made.one);
      const put = (headers: Record<string, string>) =>
        scratch.as(key, {
          action: 'PutObject',
          method: 'PUT',
          path: `${bucket}/b.txt`,
          body: 'b',
          headers,
        })();
      await expectAll('allowed', { 'a first write': () => put({ 'if-none-match': '*' }) });
      for (const [name, value] of [
        ['if-none-match', '*'],
        ['if-match', '"0123456789abcdef"'],
      ] as const) {
        const status = await put({ [name]: value });
        if (status !== 412) throw new Broken(`${name} answered ${status}, not 412`);
      }
      return 'both';
    },
  },
  {
    id: 'isolation',
    title: 'Keep two tenants apart',
    cure: ISOLATION_CURE,
    run: async (made, _deps, scratch) => {
      const [one, two] = [needed(made.one), needed(made.two)];
      for (const { bucket, key } of [one, two]) {
        const write = () => asTenant(scratch, key).put(bucket, 'own.txt');
        await expectAll('allowed', { 'write to its own': write });
      }
      for (const [own, foreign] of [
        [one, two],
        [two, one],
      ] as const) {
        const tenant = asTenant(scratch, own.key);
        await expectAll('refused', {
          'list the other bucket': () => tenant.list(foreign.bucket),
          'read from the other bucket': () => tenant.get(foreign.bucket, 'own.txt'),
          'write to the other bucket': () => tenant.put(foreign.bucket, 'x.txt'),
          'delete in the other bucket': () => tenant.delete(foreign.bucket, 'own.txt'),
          'list all buckets': () => tenant.listBuckets(),
          'make a bucket': () => tenant.createBucket(scratch.bucketName('foreign')),
        });
      }
      return 'both ways, six calls each';
    },
  },
  {
    id: 'prefix',
    title: 'Keep a key to a prefix',
    cure: PREFIX_CURE,
    run: async (made, _deps, scratch) => {
      const { bucket } = needed(made.one);
      const key = await scratch.key('prefix', grantOn(bucket, { prefix: 'notes/' }));
      const tenant = asTenant(scratch, key);
      await expectAll('allowed', {
        'write below it': () => tenant.put(bucket, 'notes/a.txt'),
        'list below it': () => tenant.list(bucket, 'notes/'),
      });
      await expectAll('refused', {
        'write beside it': () => tenant.put(bucket, 'other/a.txt'),
        'read beside it': () => tenant.get(bucket, 'own.txt'),
        'list the whole bucket': () => tenant.list(bucket),
      });
      return 'nothing beside it';
    },
  },
  {
    id: 'read-only',
    title: 'Keep a read-only key from writing',
    cure: ISOLATION_CURE,
    run: async (made, _deps, scratch) => {
      const { bucket } = needed(made.one);
      const key = await scratch.key('read-only', grantOn(bucket, { permission: 'ro' }));
      const tenant = asTenant(scratch, key);
      await expectAll('allowed', { read: () => tenant.get(bucket, 'own.txt') });
      await expectAll('refused', {
        write: () => tenant.put(bucket, 'x.txt'),
        delete: () => tenant.delete(bucket, 'own.txt'),
      });
      return 'reads only';
    },
  },
  {
    id: 'addresses',
    title: 'Keep a key to addresses',
    cure: 'Issue no keys with source_ips: they would open the bucket from anywhere, or from nowhere.',
    run: async (made, _deps, scratch) => {
      const { bucket } = needed(made.one);
      const anywhere = { sourceIps: ['0.0.0.0/0', '::/0'] };
      const open = await scratch.key('anywhere', grantOn(bucket, anywhere));
      await scratch.until(async () => (await asTenant(scratch, open).list(bucket)) === 200);
      const shut = await scratch.key('elsewhere', grantOn(bucket, { sourceIps: [NOBODYS] }));
      const tenant = asTenant(scratch, shut);
      await expectAll('refused', {
        list: () => tenant.list(bucket),
        read: () => tenant.get(bucket, 'own.txt'),
        write: () => tenant.put(bucket, 'x.txt'),
      });
      return 'open from anywhere, shut from here';
    },
  },
  {
    id: 'expiry',
    title: 'End a key at the time in its policy',
    cure: 'Keys with an end stay valid until the server revokes them: run it without a break.',
    run: async (made, { clock }, scratch) => {
      const { bucket } = needed(made.one);
      // Long enough to become known before.
      const expiresAt = new Date(clock.now() + EXPIRES_IN_MS).toISOString();
      const key = await scratch.key('expiry', grantOn(bucket, { expiresAt }));
      const list = () => asTenant(scratch, key).list(bucket);
      await scratch.until(async () => isRefused(await list()), 2 * EXPIRES_IN_MS + 30_000);
      return `it opened the bucket, and after ${EXPIRES_IN_MS / 1000} s no more`;
    },
  },
  {
    id: 'deny',
    title: 'Switch a key off and on again',
    cure: 'A tenant that is denied keeps its access: remove its keys instead.',
    run: async (made, { storage }, scratch) => {
      const { bucket, key } = needed(made.two);
      const list = () => asTenant(scratch, key).list(bucket);
      await storage.setAccessKeyActive(key.accessKeyId, false);
      const off = await scratch.until(async () => isRefused(await list()));
      await storage.setAccessKeyActive(key.accessKeyId, true);
      const on = await scratch.until(async () => (await list()) === 200);
      return `off within ${off} ms, on within ${on} ms`;
    },
  },
  {
    id: 'revocation',
    title: 'Refuse a wrong secret and a deleted key',
    cure: ISOLATION_CURE,
    run: async (made, { storage }, scratch) => {
      const { bucket, key } = needed(made.two);
      const forged = { ...key, secretAccessKey: `${key.secretAccessKey}_` };
      await expectAll('refused', {
        'a wrong secret': () => asTenant(scratch, forged).list(bucket),
      });
      await storage.deleteAccessKey(key.accessKeyId);
      const list = () => asTenant(scratch, key).list(bucket);
      const took = await scratch.until(async () => isRefused(await list()));
      // A second time it is not there, which counts as done.
      await storage.deleteAccessKey(key.accessKeyId);
      await storage.deletePolicy(key.policyArn);
      await storage.deletePolicy(key.policyArn);
      return `the deleted key was refused within ${took} ms`;
    },
  },
  {
    id: 'snapshot',
    title: 'Take a snapshot, and find earlier versions',
    cure: 'History and undo have nothing to go back to. Was the bucket made with snapshots?',
    run: async (made, { storage }, scratch) => {
      const { bucket, key } = needed(made.one);
      const tenant = asTenant(scratch, key);
      await expectAll('allowed', { 'a first version': () => tenant.put(bucket, 'v.txt') });
      const version = await storage.createSnapshot(bucket, 'check');
      await expectAll('allowed', { 'a second version': () => tenant.put(bucket, 'v.txt') });
      const versions = await storage.listVersions(bucket, 'v.txt');
      if (versions.length < 2) throw new Broken(`${versions.length} version of two is kept`);
      const listed = await storage.listSnapshots(bucket);
      if (!listed.some((each) => each.version === version)) {
        throw new Broken(`the snapshot ${version} is not in the list`);
      }
      return `snapshot ${version}, ${versions.length} versions`;
    },
  },
  NOTIFICATIONS,
];

/** For examples only: https://www.rfc-editor.org/rfc/rfc5737 */
const NOBODYS = '192.0.2.1/32';
const EXPIRES_IN_MS = 8000;
