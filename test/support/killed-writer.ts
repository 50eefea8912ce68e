/**
 * Child process: writes a file through the product's atomic writer and kills itself, as `kill -9`
 * does, at the step that its arguments name. Arguments: module URL, path, text, step (0 = first).
 * Exit code 0 means that there are fewer steps than that.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const [writer = '', path = '', text = '', last = '0'] = process.argv.slice(2);
let steps = 0;

function step(): void {
  if (steps === Number(last)) process.kill(process.pid, 'SIGKILL');
  steps += 1;
}

/** Dies before the call, or the next time after it. */
function counted<T extends object>(owner: T, names: readonly (keyof T & string)[]): void {
  for (const name of names) {
    const original = owner[name] as (...args: unknown[]) => Promise<unknown>;
    const wrapped = async function (this: unknown, ...args: unknown[]): Promise<unknown> {
      step();
      return original.apply(this, args);
    };
    Object.defineProperty(owner, name, { value: wrapped, configurable: true, writable: true });
  }
}

const probe = await fs.promises.open(process.execPath, 'r');
const handle = Object.getPrototypeOf(probe) as typeof probe;
await probe.close();
const whole = handle.writeFile;
Object.defineProperty(handle, 'writeFile', {
  configurable: true,
  writable: true,
  // A write that is cut short, as a full disk or a power cut leaves it.
  value: async function (this: typeof probe, data: string) {
    step();
    if (steps === Number(last)) await this.write(data.slice(0, data.length / 2));
    step();
    await whole.call(this, data);
  },
});
counted(handle, ['sync', 'close']);
counted(fs.promises, ['open', 'rename']);
syncBuiltinESMExports();

const { writeFileAtomic } = (await import(writer)) as {
  writeFileAtomic: (path: string, data: string) => Promise<void>;
};
await writeFileAtomic(path, text);
