import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/platform/clock.ts';
import { drainUploads, type DrainProgress } from '../../../src/mount/drain.ts';
import type { QueuedUpload, Vfs } from '../../../src/mount/vfs.ts';

function fakeClock(): Clock {
  let now = 0;
  return {
    now: () => now,
    sleep: (ms, signal) => {
      signal?.throwIfAborted();
      now += ms;
      return Promise.resolve();
    },
  };
}

interface Upload {
  size: number;
  /** Attempts that fail before one succeeds; Infinity: none ever does. */
  failures: number;
  /** Bytes that are sent between two looks. */
  pace: number;
}

interface UnderWay extends Upload {
  id: number;
  name: string;
  sent: number;
  tries: number;
}

/** An rclone that uploads what was expedited, a step at each look at its queue. */
class FakeRclone {
  readonly #uploads: UnderWay[];
  readonly #due = new Set<number>();

  constructor(uploads: readonly Upload[]) {
    this.#uploads = uploads.map((upload, id) => ({
      ...{ ...upload, id, name: `file ${id}` },
      ...{ sent: 0, tries: 0 },
    }));
  }

  get pending(): number {
    return this.#uploads.filter(({ sent, size }) => sent < size).length;
  }

  #step(): void {
    for (const upload of this.#uploads) {
      if (!this.#due.has(upload.id)) continue;
      if (upload.tries < upload.failures) {
        upload.tries += 1;
        this.#due.delete(upload.id);
      } else {
        upload.sent = Math.min(upload.size, upload.sent + upload.pace);
      }
    }
  }

  get vfs(): Vfs {
    const waiting = (): UnderWay[] => this.#uploads.filter(({ sent, size }) => sent < size);
    const isUploading = (id: number): boolean => this.#due.has(id);
    const step = (): void => this.#step();
    const due = this.#due;
    const queue = (): Promise<QueuedUpload[]> => {
      step();
      return Promise.resolve(
        waiting().map(({ id, name, size, tries }) => ({
          ...{ id, name, size, tries, uploading: isUploading(id), expiry: 60 },
        })),
      );
    };
    return {
      queue,
      stats: () =>
        Promise.resolve({
          uploadsInProgress: waiting().filter(({ id }) => isUploading(id)).length,
          uploadsQueued: waiting().filter(({ id }) => !isUploading(id)).length,
          ...{ erroredFiles: 0, outOfSpace: false, bytesUsed: 0 },
        }),
      transfers: () =>
        Promise.resolve({
          transferring: waiting()
            .filter(({ id }) => isUploading(id))
            .map(({ name, sent }) => ({ name, bytes: sent })),
          lastError: waiting().some(({ tries }) => tries > 0) ? 'no such host' : undefined,
        }),
      expedite: (id: number) => {
        due.add(id);
        return Promise.resolve();
      },
    } as Partial<Vfs> as Vfs;
  }
}

const upload = fc.record({
  size: fc.integer({ min: 1, max: 5000 }),
  failures: fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constant(Infinity)),
  pace: fc.integer({ min: 1, max: 1000 }),
});

describe('draining', () => {
  test('returns exactly when nothing waits, and otherwise gives up with the names', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(upload, { maxLength: 12 }),
        fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined }),
        async (uploads, timeoutMs) => {
          const rclone = new FakeRclone(uploads);
          const clock = fakeClock();
          const seen: DrainProgress[] = [];
          const onProgress = (progress: DrainProgress): void => void seen.push(progress);
          try {
            await drainUploads(rclone.vfs, { clock, timeoutMs, onProgress });
            expect(rclone.pending).toBe(0);
            expect(seen.at(-1)).toEqual({ pending: [], bytesLeft: 0 });
          } catch (error) {
            expect(error).toMatchObject({ code: 'uploads-pending', exitCode: 13 });
            const { details } = error as { details: { pending: { name: string }[] } };
            expect(details.pending.length).toBeGreaterThanOrEqual(rclone.pending);
            expect(rclone.pending).toBeGreaterThan(0);
            if (timeoutMs !== undefined) expect(clock.now()).toBeLessThan(timeoutMs + 60_500);
            // Without a limit only what never succeeds makes it give up.
            else expect(uploads.some(({ failures }) => failures === Infinity)).toBe(true);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test('goes on for as long as something moves, however slowly', async () => {
    const rclone = new FakeRclone([{ size: 3000, failures: 0, pace: 1 }]);
    const clock = fakeClock();
    await drainUploads(rclone.vfs, { clock, stallMs: 1000 });
    expect(clock.now()).toBeGreaterThan(100_000);
  });

  test('gives up after a minute in which nothing moves, with what the storage said', async () => {
    const rclone = new FakeRclone([{ size: 10, failures: Infinity, pace: 1 }]);
    const clock = fakeClock();
    await expect(drainUploads(rclone.vfs, { clock })).rejects.toThrow(/no such host/);
    expect(clock.now()).toBeGreaterThanOrEqual(60_000);
    expect(clock.now()).toBeLessThan(61_000);
  });

  test('waits for uploads that rclone counts and does not list', async () => {
    const looks = [1, 1, 0];
    const { vfs } = new FakeRclone([]);
    const stats: Vfs['stats'] = async () => ({
      ...(await vfs.stats()),
      uploadsInProgress: looks.shift() ?? 0,
    });
    await drainUploads({ ...vfs, stats }, { clock: fakeClock() });
    expect(looks).toEqual([]);
  });

  test('ends when whoever asked hangs up', async () => {
    const { vfs } = new FakeRclone([{ size: 10, failures: Infinity, pace: 1 }]);
    const hungUp = AbortSignal.abort(new Error('hung up'));
    await expect(drainUploads(vfs, { clock: fakeClock(), signal: hungUp })).rejects.toThrow(
      'hung up',
    );
  });
});
