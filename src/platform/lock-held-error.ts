import type { ProcessIdentity } from './processes.ts';

export interface LockOwner extends ProcessIdentity {
  /** What the owner is doing, in words for people: `cloud bisync --watch`. */
  command: string;
  /** When it took the lock, RFC 3339. */
  since: string;
}

/** Somebody else holds the lock; `owner` is undefined if they have not yet written who they are. */
export class LockHeldError extends Error {
  override readonly name = 'LockHeldError';
  readonly path: string;
  readonly owner: LockOwner | undefined;
  constructor(path: string, owner: LockOwner | undefined) {
    super(
      owner === undefined
        ? `locked: ${path}`
        : `locked by process ${owner.pid} (${owner.command}, since ${owner.since})`,
    );
    this.path = path;
    this.owner = owner;
  }
}
