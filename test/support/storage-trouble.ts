import { StorageError, type StorageProvider } from '../../src/server/storage/provider.ts';

type Method = {
  [Name in keyof StorageProvider]: StorageProvider[Name] extends (
    ...args: never[]
  ) => Promise<unknown>
    ? Name
    : never;
}[keyof StorageProvider];

export type Trouble = (method: Method, when: 'before' | 'after') => void | Promise<void>;

/** Runs `trouble` before and after each call to the provider; what it throws replaces the result. */
export function withTrouble(storage: StorageProvider, trouble: Trouble): StorageProvider {
  return new Proxy(storage, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const call = value as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        await trouble(name as Method, 'before');
        const result = await call.apply(target, args);
        await trouble(name as Method, 'after');
        return result;
      };
    },
  });
}

/** What the server sees when a connection is cut: nobody knows whether the call took effect. */
export function cut(action: string): StorageError {
  return new StorageError(action, 'Unreachable', 0);
}
