import type { Host } from '../../platform/host.ts';
import type { Pair } from '../pair.ts';
import type { BisyncDeps } from '../run.ts';
import type { Announcer } from './announcer.ts';
import type { Board } from './board.ts';
import type { LocalSide } from './local-side.ts';
import type { WatchOptions } from './watcher.ts';

/** What a watcher works with. */
export interface WatchingParts {
  options: WatchOptions;
  host: Host;
  pair: Pair;
  board: Board;
  local: LocalSide;
  announcer: Announcer;
  /** 0 to 1, for the jitter. */
  random: () => number;
  runDeps: Partial<BisyncDeps>;
}
