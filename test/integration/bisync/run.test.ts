import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  openDevice,
  startTestBucket,
  type Device,
  type TestBucket,
} from '../../support/devices.ts';

let bucket: TestBucket;
beforeEach(async () => {
  bucket = await startTestBucket();
  onTestFinished(() => bucket[Symbol.asyncDispose]());
});

async function device(name: string): Promise<Device> {
  const opened = await openDevice(bucket, name);
  onTestFinished(() => opened.dispose());
  return opened;
}

describe('a run', () => {
  it('unites both sides at first, then moves only what changed', async () => {
    const laptop = await device('laptop');
    await laptop.write('notes/a.md', 'from here');
    await bucket.put('b.md', 'from the cloud');
    const first = await laptop.sync();
    expect(first.counts).toMatchObject({ uploaded: 1, downloaded: 1, unchanged: 0 });
    expect(first).toMatchObject({ united: true, exitCode: 0, state: 'idle', problems: [] });
    expect(await laptop.files()).toEqual(await bucket.objects());
    bucket.store.requests.reset();
    const second = await laptop.sync();
    expect(second.counts).toMatchObject({ uploaded: 0, downloaded: 0, unchanged: 2 });
    console.log(bucket.store.requests.counts(), second.durationMs);
  });
});
