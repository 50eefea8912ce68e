import { onTestFinished } from 'vitest';
import {
  openDevice,
  startTestBucket,
  type Device,
  type DeviceOptions,
  type TestBucket,
} from './devices.ts';

/** A bucket that lives as long as the test. */
export async function testBucket(): Promise<TestBucket> {
  const bucket = await startTestBucket();
  onTestFinished(() => bucket[Symbol.asyncDispose]());
  return bucket;
}

/** A device that lives as long as the test. */
export async function testDevice(
  bucket: TestBucket,
  name: string,
  options?: DeviceOptions,
): Promise<Device> {
  const device = await openDevice(bucket, name, options);
  onTestFinished(() => device.dispose());
  return device;
}

/** What most tests of syncing begin with: an empty bucket, and one device that has never synced. */
export async function laptopAndBucket(): Promise<{ bucket: TestBucket; laptop: Device }> {
  const bucket = await testBucket();
  return { bucket, laptop: await testDevice(bucket, 'laptop') };
}
