import type { BisyncEvent } from '../run-context.ts';
import type { LocalHint, RemoteHint } from './agenda.ts';
import type { Announcer } from './announcer.ts';
import type { Board } from './board.ts';
import type { WatchChange } from './watcher.ts';

type Told = Pick<WatchChange, 'direction' | 'kind' | 'size'>;

/** Makes changes, with their lag, of what the lane and runs tell, and passes everything on. */
export class Teller {
  readonly #board: Board;
  readonly #announcer: Announcer;
  readonly #now: () => number;
  /** When the changes that are under way were first told of. */
  #firsts = new Map<string, number>();
  #via: WatchChange['via'] = 'run';

  constructor(board: Board, announcer: Announcer, now: () => number) {
    this.#board = board;
    this.#announcer = announcer;
    this.#now = now;
  }

  /** What is told from now on comes of these. */
  begin(via: WatchChange['via'], hints: readonly (LocalHint | RemoteHint)[]): void {
    this.#via = via;
    this.#firsts = new Map(hints.map(({ path, first }) => [path, first]));
  }

  tell(event: BisyncEvent): void {
    this.#board.emit(event);
    switch (event.type) {
      case 'uploaded':
        this.#announcer.changed({ key: event.path, change: 'put', size: event.size });
        this.#change(event.path, { direction: 'up', kind: 'saved', size: event.size });
        return;
      case 'downloaded':
        this.#change(event.path, { direction: 'down', kind: 'saved', size: event.size });
        return;
      case 'deleted': {
        const direction = event.side === 'remote' ? 'up' : 'down';
        if (direction === 'up') this.#announcer.changed({ key: event.path, change: 'delete' });
        this.#change(event.path, { direction, kind: 'deleted', size: null });
        return;
      }
      case 'conflict': {
        const direction = event.kept === 'local' ? 'up' : 'down';
        const { openConflicts } = this.#board.shown;
        if (event.open) this.#board.show({ openConflicts: openConflicts + 1 });
        this.#change(event.path, { direction, kind: 'conflict', size: null });
        return;
      }
      case 'progress':
        this.#board.moving(event.moving[0] ?? null);
        return;
      default:
    }
  }

  #change(path: string, told: Told): void {
    const at = this.#now();
    const first = this.#firsts.get(path);
    this.#board.change({
      path,
      ...told,
      via: this.#via,
      at,
      lagMs: first === undefined ? null : at - first,
    });
  }
}
