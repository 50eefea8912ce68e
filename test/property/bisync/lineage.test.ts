import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AbortError } from '../../../src/output/errors.ts';
import type { BisyncResult } from '../../../src/bisync/result.ts';
import {
  openDevice,
  startTestBucket,
  type Device,
  type TestBucket,
} from '../../support/devices.ts';

/**
 * The lineage model (docs/sync.md, "version"): every value that was ever written is in the end live,
 * in a conflict copy, in a trash, or was replaced by somebody who had seen it. Values are unique.
 * More runs: CLOUD_TEST_RUNS=200 npx vitest run test/property/bisync
 */
const RUNS = Number(process.env['CLOUD_TEST_RUNS'] ?? '3');
const PATHS = ['a.md', 'b.md', 'dir/c.md', 'dir/d.md'];

type Where = 'laptop' | 'desktop' | 'bucket';
type Edit =
  | { type: 'write'; where: Where; path: string }
  | { type: 'remove'; where: Where; path: string }
  | { type: 'move'; where: 'laptop' | 'desktop'; path: string; to: string };
/** `racing` edits happen between the plan and its execution. */
type Step = Edit | { type: 'sync'; where: 'laptop' | 'desktop'; racing: Edit[] };

const where = fc.constantFrom<Where>('laptop', 'desktop', 'bucket');
const device = fc.constantFrom<'laptop' | 'desktop'>('laptop', 'desktop');
const path = fc.constantFrom(...PATHS);
const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('write'), where, path }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('remove'), where, path }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('move'), where: device, path, to: path }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: edit },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('sync' as const),
      where: device,
      racing: fc.array(edit, { maxLength: 3 }),
    }),
  },
);

class World {
  readonly bucket: TestBucket;
  readonly devices: Record<'laptop' | 'desktop', Device>;
  readonly written = new Set<string>();
  /** Replaced or deleted where it was in view. */
  readonly seen = new Set<string>();

  constructor(bucket: TestBucket, laptop: Device, desktop: Device) {
    this.bucket = bucket;
    this.devices = { laptop, desktop };
  }

  async read(place: Where, at: string): Promise<string | undefined> {
    return place === 'bucket' ? this.bucket.get(at) : this.devices[place].read(at);
  }

  async apply(change: Edit): Promise<void> {
    const before = await this.read(change.where, change.path);
    if (change.type === 'write') {
      const value = `value ${this.written.size}`;
      this.written.add(value);
      if (before !== undefined) this.seen.add(before);
      if (change.where === 'bucket') await this.bucket.put(change.path, value);
      else await this.devices[change.where].write(change.path, value);
      return;
    }
    if (before === undefined) return;
    if (change.type === 'remove') {
      this.seen.add(before);
      if (change.where === 'bucket') await this.bucket.remove(change.path);
      else await this.devices[change.where].remove(change.path);
      return;
    }
    if (change.to === change.path) return;
    const over = await this.read(change.where, change.to);
    if (over !== undefined) this.seen.add(over);
    await this.devices[change.where].remove(change.path);
    await this.devices[change.where].write(change.to, before);
  }

  async sync(name: 'laptop' | 'desktop', racing: readonly Edit[] = []): Promise<BisyncResult> {
    const one = this.devices[name];
    const afterPlan = async (): Promise<void> => {
      for (const change of racing) await this.apply(change);
    };
    try {
      return await one.sync({ profile: 'fast' }, { afterPlan });
    } catch (error) {
      const planId = error instanceof AbortError ? error.details['planId'] : undefined;
      if (typeof planId !== 'string') throw error;
      return one.sync({ profile: 'fast', approve: planId }, { afterPlan });
    }
  }
}

it(
  'no version is ever lost, and both devices and the bucket come to agree',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
        await using bucket = await startTestBucket();
        const [laptop, desktop] = [
          await openDevice(bucket, 'laptop'),
          await openDevice(bucket, 'desk'),
        ];
        try {
          const world = new World(bucket, laptop, desktop);
          await world.sync('laptop');
          await world.sync('desktop');
          for (const next of steps) {
            if (next.type === 'sync') await world.sync(next.where, next.racing);
            else await world.apply(next);
          }
          let moved = 1;
          for (let round = 0; round < 6 && moved > 0; round += 1) {
            const ends = [await world.sync('laptop'), await world.sync('desktop')];
            moved = ends.reduce((sum, { counts }) => sum + counts.uploaded + counts.downloaded, 0);
          }
          expect(moved).toBe(0);
          const live = await bucket.objects();
          expect(await laptop.files()).toEqual(live);
          expect(await desktop.files()).toEqual(live);
          const kept = [...live.values(), ...(await laptop.trash()), ...(await desktop.trash())];
          const lost = [...world.written].filter((v) => !world.seen.has(v) && !kept.includes(v));
          expect(lost).toEqual([]);
        } finally {
          await Promise.all([laptop.dispose(), desktop.dispose()]);
        }
      }),
      { numRuns: RUNS, endOnFailure: RUNS < 20 },
    );
  },
  60_000 + RUNS * 15_000,
);
