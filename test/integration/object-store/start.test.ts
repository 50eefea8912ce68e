import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { createServer, type AddressInfo } from 'node:net';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startObjectStore } from '../../../src/object-store/index.ts';
import { ADMIN, errorOf, openStore, temporaryFolder } from './support.ts';

describe('a store that cannot start says why', () => {
  it('another process listens on the port', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const folder = await temporaryFolder();
    const start = startObjectStore({ folder, port, admin: ADMIN });
    await expect(start).rejects.toMatchObject({
      name: 'StoreStartError',
      kind: 'port-taken',
      message: `port ${port} on 127.0.0.1 is already in use`,
    });
    // The folder is free again: a failed start holds nothing.
    const store = await startObjectStore({ folder, admin: ADMIN });
    await store.close();
  });

  it('the folder is a file', async () => {
    const folder = join(await temporaryFolder(), 'file');
    await writeFile(folder, '');
    await expect(startObjectStore({ folder, admin: ADMIN })).rejects.toMatchObject({
      kind: 'folder-not-writable',
    });
  });

  it('the index is not one', async () => {
    const folder = await temporaryFolder();
    await writeFile(
      join(folder, 'index.sqlite'),
      'not a database, but long enough to look at'.repeat(99),
    );
    await expect(startObjectStore({ folder, admin: ADMIN })).rejects.toMatchObject({
      kind: 'folder-not-writable',
    });
  });

  it('another store has the folder', async () => {
    const { folder } = await openStore();
    await expect(startObjectStore({ folder, admin: ADMIN })).rejects.toMatchObject({
      kind: 'folder-in-use',
      message: expect.stringContaining(`process ${process.pid}`) as string,
    });
  });

  it('the address is not one of this machine', async () => {
    const folder = await temporaryFolder();
    const start = startObjectStore({ folder, host: '192.0.2.1', admin: ADMIN });
    await expect(start).rejects.toMatchObject({ kind: 'address-not-available' });
  });
});

describe('a store that starts', () => {
  it('keeps its folder to itself and its data across a restart', async () => {
    const first = await openStore();
    await first.s3.send(new CreateBucketCommand({ Bucket: 'notes' }));
    for (const [Key, size] of [
      ['small', 10],
      ['large', 100_000],
    ] as const) {
      await first.s3.send(new PutObjectCommand({ Bucket: 'notes', Key, Body: Key.repeat(size) }));
    }
    expect((await stat(first.folder)).mode & 0o777).toBe(0o700);
    await first.store.close();
    await first.store.close();
    const second = await openStore({ folder: first.folder });
    for (const [Key, size] of [
      ['small', 10],
      ['large', 100_000],
    ] as const) {
      const { Body } = await second.s3.send(new GetObjectCommand({ Bucket: 'notes', Key }));
      expect(await Body!.transformToString()).toBe(Key.repeat(size));
    }
  });

  it('removes what a crash left half-written', async () => {
    const first = await openStore();
    await first.store.close();
    const left = join(first.folder, 'bodies', 'a', `a${'0'.repeat(31)}`);
    await writeFile(left, 'half of a body');
    await openStore({ folder: first.folder });
    expect(await readdir(join(first.folder, 'bodies', 'a'))).toEqual([]);
  });

  it('reads nothing as an administrator’s secret that is not one', async () => {
    const { s3As } = await openStore();
    const almost = { ...ADMIN, secretAccessKey: ADMIN.secretAccessKey.slice(0, -1) };
    const call = s3As(almost).send(new CreateBucketCommand({ Bucket: 'notes' }));
    expect(await errorOf(call)).toBe('SignatureDoesNotMatch');
  });
});
