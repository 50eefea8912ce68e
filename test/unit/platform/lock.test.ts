import { once } from 'node:events';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { LockHeldError } from '../../../src/platform/lock-held-error.ts';
import { acquireLock, isLocked, readLockOwner } from '../../../src/platform/lock.ts';
import { openWorkspace } from '../../support/workspace.ts';

const source = new URL('../../../src/platform/lock.ts', import.meta.url).href;

/** A process that takes the lock, says so, and keeps it until it is killed. */
async function holder(path: string) {
  const script = `
    import { acquireLock } from ${JSON.stringify(source)};
    await acquireLock(${JSON.stringify(path)}, { command: 'cloud bisync --watch' });
    process.stdout.write('held\\n');
    globalThis.gc?.();
    setInterval(() => globalThis.gc?.(), 20);`;
  const child = execa(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
    reject: false,
    buffer: false,
  });
  await once(child.stdout, 'data');
  return {
    pid: child.pid,
    // A child is itself a promise of its end, which an async function would wait for.
    kill: async () => {
      child.kill('SIGKILL');
      await child;
    },
  };
}

describe('acquireLock', () => {
  test('refuses a second owner of the same process and of another, naming the first', async () => {
    const { root } = await openWorkspace();
    const path = join(root, 'pair.lock');
    const lock = await acquireLock(path, { command: 'cloud bisync' });
    await expect(acquireLock(path, { command: 'cloud check' })).rejects.toMatchObject({
      owner: { pid: process.pid, command: 'cloud bisync' },
    });
    lock.release();
    expect(isLocked(path)).toBe(false);

    const other = await holder(path);
    try {
      const refusal = await acquireLock(path, { command: 'cloud check' }).catch((e: unknown) => e);
      expect(refusal).toBeInstanceOf(LockHeldError);
      expect((refusal as LockHeldError).message).toContain(`process ${other.pid}`);
      expect((refusal as LockHeldError).message).toContain('cloud bisync --watch');
    } finally {
      await other.kill();
    }
  });

  test('is free the moment its owner is killed, and exactly one of many waiters gets it', async () => {
    const { root } = await openWorkspace();
    const path = join(root, 'pair.lock');
    const other = await holder(path);
    let inside = 0;
    let most = 0;
    const waiters = Array.from({ length: 8 }, async (_, index) => {
      const lock = await acquireLock(path, { command: `waiter ${index}`, waitMs: 20_000 });
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
      lock.release();
    });
    await other.kill();
    await Promise.all(waiters);
    expect(most).toBe(1);
    expect(isLocked(path)).toBe(false);
  });

  test('a wait ends when it is aborted', async () => {
    const { root } = await openWorkspace();
    const path = join(root, 'pair.lock');
    const lock = await acquireLock(path, { command: 'first' });
    const abort = new AbortController();
    const waiting = acquireLock(path, { command: 'second', waitMs: 60_000, signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(readLockOwner(path)?.command).toBe('first');
    lock.release();
    expect(readLockOwner(path)).toBeUndefined();
  });
});
