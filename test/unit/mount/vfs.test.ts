import { expect, test } from 'vitest';
import { assess } from '../../../src/mount/health.ts';
import { openVfs } from '../../../src/mount/vfs.ts';
import type { RcClient } from '../../../src/rclone/rc-client.ts';

/** What rclone 1.75.2 answered while it hashed a file of 2.5 GB before sending any of it. */
const HASHING: Record<string, unknown> = {
  'vfs/queue': {
    queue: [
      {
        name: 'large.bin',
        id: 1,
        size: 2500000001,
        expiry: -2.2,
        tries: 1,
        delay: 5,
        uploading: true,
      },
    ],
  },
  'vfs/stats': {
    diskCache: {
      ...{ bytesUsed: 2500000001, erroredFiles: 0, files: 1, hashType: 1, outOfSpace: false },
      ...{ uploadsInProgress: 1, uploadsQueued: 0 },
    },
  },
  'core/stats': {
    ...{ bytes: 0, errors: 0, totalBytes: 0, totalTransfers: 1, transfers: 0 },
    transferring: [{ dstFs: 'cloud:b', name: 'large.bin', size: 2500000001, srcFs: ':local:/c' }],
  },
};

const answering: RcClient = {
  call: (method, _params, schema) => Promise.resolve(schema.parse(HASHING[method])),
  configCreate: () => Promise.resolve(),
};

test('an rclone that hashes a large file before it sends it is alive', async () => {
  const vfs = openVfs(answering, 'b', 1000);
  expect(await vfs.queue()).toMatchObject([{ name: 'large.bin', tries: 0, uploading: true }]);
  expect(await vfs.transfers()).toMatchObject({ transferring: [{ name: 'large.bin', bytes: 0 }] });
  expect(await assess(vfs)).toMatchObject({ state: 'mounted', answers: true });
});

test('a path that no storage takes is told by its name, not as trouble of the network', async () => {
  const name = `${'folder/'.repeat(150)}file.md`;
  const waiting = { id: 1, name, size: 1, expiry: 5, tries: 2, delay: 5, uploading: false };
  const failing: RcClient = {
    call: (method, _params, schema) =>
      Promise.resolve(
        schema.parse(method === 'vfs/queue' ? { queue: [waiting] } : HASHING[method]),
      ),
    configCreate: () => Promise.resolve(),
  };
  expect(await assess(openVfs(failing, 'b', 1000))).toMatchObject({
    state: 'degraded',
    problem: { code: 'path-too-long', details: { path: name } },
  });
});
