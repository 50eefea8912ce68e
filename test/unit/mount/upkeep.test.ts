import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeyRenewal } from '../../../src/mount/key-renewal.ts';
import { findProfile } from '../../../src/mount/profiles.ts';
import type { MountRecord } from '../../../src/mount/record.ts';
import type { RecordKeeper } from '../../../src/mount/record-keeper.ts';
import type { ServedMount } from '../../../src/mount/serve.ts';
import { Upkeep } from '../../../src/mount/upkeep.ts';
import type { QueuedUpload, Vfs } from '../../../src/mount/vfs.ts';
import type { Host } from '../../../src/platform/host.ts';
import type { BucketAccess } from '../../../src/session/bucket-access.ts';
import { openWorkspace } from '../../support/workspace.ts';

const HOUR = 3_600_000;
const START = Date.UTC(2026, 10, 22);

function stoppedClock(): { now: () => number; sleep: () => Promise<void>; at: number } {
  const clock = { at: START, now: () => clock.at, sleep: () => Promise.resolve() };
  return clock;
}

const access = (credentialId: string, expiresAt: string | null = null): BucketAccess =>
  ({ credentialId, expiresAt }) as BucketAccess;

describe('other keys', () => {
  test('are asked for a few times an hour at most, however often they are refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 10 * 60_000 }), { maxLength: 300 }),
        fc.constantFrom('new', 'same', 'fails'),
        async (pauses, answer) => {
          const clock = stoppedClock();
          const asked: number[] = [];
          const renewal = new KeyRenewal(clock, {
            stored: () => Promise.resolve(access('first')),
            renewed: () => {
              asked.push(clock.at);
              if (answer === 'fails') return Promise.reject(new Error('no network'));
              return Promise.resolve(access(answer === 'same' ? 'first' : `new ${asked.length}`));
            },
          });
          for (const pause of pauses) {
            clock.at += pause;
            // Whatever was handed out last is refused as well; the worst that can be.
            const { keys } = await renewal.other('first');
            if (answer !== 'new') expect(keys).toBeUndefined();
          }
          for (const at of asked) {
            const within = asked.filter((other) => other >= at && other < at + HOUR);
            expect(within.length).toBeLessThanOrEqual(answer === 'new' ? 3 : 6);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test('that somebody stored are taken at once', async () => {
    const clock = stoppedClock();
    const refuse = (): Promise<never> => Promise.reject(new Error('not signed in'));
    const stored = { id: 'first' };
    const source = { stored: () => Promise.resolve(access(stored.id)), renewed: refuse };
    const renewal = new KeyRenewal(clock, source);
    expect(await renewal.other('first')).toMatchObject({ error: { message: 'not signed in' } });
    stored.id = 'second';
    expect((await renewal.other('first')).keys?.credentialId).toBe('second');
  });

  test.each([
    [null, 0, 'no'],
    [48, 0, 'no'],
    [48, 33, 'soon'],
    [48, 45, 'now'],
    [720, 690, 'no'],
    [720, 697, 'soon'],
    [48, 60, 'now'],
    [3, 0, 'no'],
    [3, 2.2, 'soon'],
    [3, 2.9, 'now'],
  ] as const)('of %s hours are due after %s: %s', (life, later, due) => {
    const clock = stoppedClock();
    const renewal = new KeyRenewal(clock, {
      stored: () => Promise.resolve(access('a')),
      renewed: () => Promise.resolve(access('b')),
    });
    const ends = life === null ? null : new Date(START + life * HOUR).toISOString();
    renewal.endsSoon('a', ends);
    clock.at += later * HOUR;
    expect(renewal.endsSoon('a', ends)).toBe(due);
  });
});

/** A mount whose storage answers `probe`, with these files waiting. */
async function looked(options: {
  probe: () => Promise<void>;
  waiting?: number;
  told?: boolean;
  /** Nobody to ask for other keys. */
  other?: 'none';
  expiresAt?: string;
  useKeys?: (keys: BucketAccess) => void;
}) {
  const { host: real } = await openWorkspace();
  const clock = stoppedClock();
  const host: Host = { ...real, clock };
  const calls: string[] = [];
  const queue = Array.from({ length: options.waiting ?? 0 }, (_, id): QueuedUpload => {
    return { id, name: `${id}`, size: 1, tries: 0, uploading: false, expiry: 60 };
  });
  const vfs = {
    queue: () => Promise.resolve(queue),
    stats: () =>
      Promise.resolve({
        ...{ uploadsInProgress: 0, uploadsQueued: queue.length, erroredFiles: 0 },
        ...{ outOfSpace: false, bytesUsed: 0 },
      }),
    transfers: () => Promise.resolve({ transferring: [], lastError: undefined }),
    probe: () => {
      calls.push('probe');
      return options.probe();
    },
    expedite: (id: number) => {
      calls.push(`expedite ${id}`);
      return Promise.resolve();
    },
  } as Partial<Vfs> as Vfs;
  const record = {
    ...{ credentialId: 'old', credentialExpiresAt: options.expiresAt ?? null, path: '/nowhere' },
    settings: findProfile('fast'),
  } as Partial<MountRecord> as MountRecord;
  const noted: object[] = [];
  const keeper = {
    record,
    note: (change: object) => {
      noted.push(change);
      return Promise.resolve();
    },
  } as Partial<RecordKeeper> as RecordKeeper;
  const keys = new KeyRenewal(clock, {
    stored: () => Promise.resolve(access('old')),
    renewed: () =>
      options.other === 'none'
        ? Promise.reject(new Error('not signed in'))
        : Promise.resolve(access('new', '2027-01-01T00:00:00Z')),
  });
  const log = { path: '', write: () => undefined };
  const isTold = (): boolean => options.told ?? false;
  const served = {
    vfs,
    stop: () => {
      calls.push('stop');
      return Promise.resolve();
    },
    ...(options.useKeys === undefined ? {} : { useKeys: options.useKeys }),
  } as Partial<ServedMount> as ServedMount;
  const onAnswers = (): void => void calls.push('look anew');
  const upkeep = new Upkeep({ host, keeper, keys, log, isTold, onAnswers });
  return { upkeep, served, calls, clock, noted };
}

const answers = (): Promise<void> => Promise.resolve();

describe('looking after a mount', () => {
  test('a machine that woke up lists anew and tries at once what waits', async () => {
    const { upkeep, served, calls } = await looked({ probe: answers, waiting: 2 });
    upkeep.wokeUp();
    await upkeep.look(served);
    expect(calls).toEqual(['probe', 'expedite 0', 'expedite 1', 'look anew']);
    await upkeep.look(served);
    expect(calls).toHaveLength(4);
  });

  test('a storage out of reach is told, and asked until it is back; then what waits goes out', async () => {
    let reached = false;
    const probe = (): Promise<void> =>
      reached ? Promise.resolve() : Promise.reject(new Error('no answer'));
    const { upkeep, served, calls } = await looked({ probe, waiting: 1 });
    expect(await upkeep.look(served)).toMatchObject({ state: 'mounted' });
    upkeep.askSoon();
    for (let look = 0; look < 3; look += 1) {
      expect(await upkeep.look(served)).toMatchObject({
        state: 'degraded',
        problem: { code: 'storage-unreachable', exitCode: 5 },
      });
      // What is remembered of it is all there is to show.
      expect(upkeep.storageAnswers).toBe(false);
      expect(calls).not.toContain('look anew');
    }
    reached = true;
    expect(await upkeep.look(served)).toMatchObject({ state: 'mounted', problem: undefined });
    expect(upkeep.storageAnswers).toBe(true);
    expect(calls.slice(-2)).toEqual(['expedite 0', 'look anew']);
  });

  test('an idle mount asks the storage every five minutes, or never where events tell', async () => {
    for (const [told, probes] of [
      [false, 12],
      [true, 0],
    ] as const) {
      const { upkeep, served, calls, clock } = await looked({ probe: answers, told });
      for (let look = 0; look < 720; look += 1) {
        clock.at += 5000;
        await upkeep.look(served);
      }
      expect(calls).toHaveLength(probes);
    }
  });

  test('refused keys stay refused until others are taken', async () => {
    let refused = true;
    const probe = (): Promise<void> =>
      refused ? Promise.reject(new Error('InvalidAccessKeyId')) : Promise.resolve();
    const { upkeep, served, calls } = await looked({ probe, other: 'none' });
    upkeep.askSoon();
    for (let look = 0; look < 3; look += 1) {
      expect(await upkeep.look(served)).toMatchObject({
        state: 'degraded',
        problem: { code: 'credentials-refused', exitCode: 4 },
      });
      expect(upkeep.storageAnswers).toBe(false);
    }
    refused = false;
    expect(await upkeep.look(served)).toMatchObject({ state: 'mounted', problem: undefined });
    expect(upkeep.storageAnswers).toBe(true);
    expect(calls.at(-1)).toBe('look anew');
  });

  test('refused keys are replaced: in a gateway as it runs, else by another rclone', async () => {
    const probe = (): Promise<void> => Promise.reject(new Error('InvalidAccessKeyId'));
    const used: string[] = [];
    const useKeys = ({ credentialId }: BucketAccess): void => void used.push(credentialId);
    const gateway = await looked({ probe, useKeys });
    gateway.upkeep.askSoon();
    await gateway.upkeep.look(gateway.served);
    expect(used).toEqual(['new']);
    expect(gateway.noted).toMatchObject([{ credentialId: 'new' }]);
    expect(gateway.calls).not.toContain('stop');
    const plain = await looked({ probe });
    plain.upkeep.askSoon();
    await plain.upkeep.look(plain.served);
    expect(plain.calls).toContain('stop');
    expect(plain.upkeep.takeReplaced()).toBe(true);
  });

  test('keys that end are replaced long before, in a quiet moment, and at last in any', async () => {
    const expiresAt = new Date(START + 48 * HOUR).toISOString();
    const quiet = await looked({ probe: answers, told: true, expiresAt });
    const busy = await looked({ probe: answers, told: true, expiresAt, waiting: 1 });
    for (const { upkeep, served, clock } of [quiet, busy]) {
      await upkeep.look(served);
      clock.at += 33 * HOUR;
      await upkeep.look(served);
    }
    expect(quiet.calls).toEqual(['stop']);
    expect(busy.calls).toEqual([]);
    busy.clock.at += 12 * HOUR;
    await busy.upkeep.look(busy.served);
    expect(busy.calls).toContain('stop');
  });
});
