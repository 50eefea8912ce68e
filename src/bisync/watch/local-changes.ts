import type { EntryKind } from '../filters/path-filter.ts';
import { isErrno } from '../../platform/atomic-file.ts';

/** What tells of changes in a folder. Every word of it is a hint; what is there is looked up later. */
export interface LocalChanges {
  /** Resolves once nothing that happens from now on is missed. @throws WatchLimitError */
  start(): Promise<void>;
  /**
   * Looks at all folders again, for what a lost event did not tell: new ones are watched and their
   * files told of.
   *
   * @throws WatchLimitError
   */
  rescan(): Promise<void>;
  close(): void;
}

export interface LocalChangesOptions {
  /** Absolute. */
  root: string;
  /** What is not synced is not watched. Paths are relative, with slashes. */
  ignores: (path: string, kind: EntryKind) => boolean;
  /** Something about this file, or about what has no such name any more, may have changed. */
  onHint: (path: string) => void;
  /** A folder that was watched is gone or has another name; of its files nothing else tells. */
  onGone: (folder: string) => void;
  /** Hints may have been lost. */
  onLost: () => void;
  /** It cannot watch any more. */
  onFailure: (error: unknown) => void;
}

/** The system gives no more watches: inotify(7). Somebody has to poll instead. */
export class WatchLimitError extends Error {
  override readonly name = 'WatchLimitError';
  readonly limit: 'max_user_watches' | 'max_user_instances';
  constructor(limit: WatchLimitError['limit'], cause: unknown) {
    super(`no more inotify watches: ${limit}`, { cause });
    this.limit = limit;
  }
}

/** Undefined for what is no limit. */
export function watchLimit(error: unknown): WatchLimitError | undefined {
  if (isErrno(error, 'ENOSPC')) return new WatchLimitError('max_user_watches', error);
  if (isErrno(error, 'EMFILE', 'ENFILE')) return new WatchLimitError('max_user_instances', error);
  return undefined;
}

export function below(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
