/**
 * Stops file operations of this process so that something else can happen in between: the moment
 * between two system calls, in which another program may act, becomes a step of a test.
 */
import fs from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

export type FileOperation = 'rename' | 'link' | 'rm' | 'append' | 'read';

export interface SeenOperation {
  operation: FileOperation;
  /** The path that it names first; undefined for an open file. */
  path: string | undefined;
  /** `middle` only of reads: half of the file is read. */
  when: 'before' | 'after' | 'middle';
}

type Watcher = (seen: SeenOperation) => Promise<void> | void;

let watcher: Watcher | undefined;
let patched = false;

/** Operations of `node:fs/promises` wait for `watch`; undefined ends it. */
export async function watchFiles(watch: Watcher | undefined): Promise<void> {
  if (!patched) await patch();
  watcher = watch;
}

async function patch(): Promise<void> {
  patched = true;
  const probe = await fs.promises.open(process.execPath, 'r');
  const handle = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  around(fs.promises, 'rename', 'rename');
  around(fs.promises, 'link', 'link');
  around(fs.promises, 'rm', 'rm');
  around(handle, 'appendFile', 'append');
  const whole = handle.readFile;
  Object.defineProperty(handle, 'readFile', {
    configurable: true,
    writable: true,
    value: async function (this: FileHandle, ...args: unknown[]): Promise<unknown> {
      if (watcher === undefined || args.length > 0) return whole.apply(this, args as never);
      const { size } = await this.stat();
      const body = Buffer.alloc(size);
      const half = size >> 1;
      await this.read(body, 0, half, 0);
      await watcher({ operation: 'read', path: undefined, when: 'middle' });
      const { bytesRead } = await this.read(body, half, size - half, half);
      return body.subarray(0, half + bytesRead);
    },
  });
  const clone = fs.promises.copyFile;
  Object.defineProperty(fs.promises, 'copyFile', {
    configurable: true,
    writable: true,
    value: async (from: string, to: string, mode?: number): Promise<void> => {
      if (watcher === undefined) return clone(from, to, mode);
      // As a file system without clones copies, with a pause.
      const source = await fs.promises.open(from, 'r');
      const target = await fs.promises.open(to, 'wx');
      try {
        const body = await source.readFile();
        await target.writeFile(body);
      } finally {
        await Promise.all([source.close(), target.close()]);
      }
    },
  });
  syncBuiltinESMExports();
}

function around<T extends object>(
  owner: T,
  name: keyof T & string,
  operation: FileOperation,
): void {
  const original = owner[name] as (...args: unknown[]) => Promise<unknown>;
  const value = async function (this: unknown, ...args: unknown[]): Promise<unknown> {
    const path = owner === fs.promises ? String(args[0]) : undefined;
    await watcher?.({ operation, path, when: 'before' });
    const result = await original.apply(this, args);
    await watcher?.({ operation, path, when: 'after' });
    return result;
  };
  Object.defineProperty(owner, name, { configurable: true, writable: true, value });
}
