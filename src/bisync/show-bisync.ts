import { count, formatBytes, formatDuration } from '../output/format.ts';
import { fitText } from '../output/table.ts';
import type { Output } from '../output/output.ts';
import type { MovingFile, Progress } from './progress.ts';
import type { BisyncEvent } from './run-context.ts';

/** In a pipe progress is a line now and then. */
const LINE_EVERY_MS = 10_000;

/**
 * Shows a run while it goes on: two lines in place on a terminal, a plain line now and then in a
 * pipe, each event under `--json`. `end` leaves nothing of it on the screen.
 */
export function showBisync(
  out: Output,
  now = Date.now,
): { event: (event: BisyncEvent) => void; end: () => void } {
  const screen = new Region(out);
  let lastLine = now();
  const show = (event: BisyncEvent): void => {
    switch (event.type) {
      case 'waiting':
        out.note(`${waitingText(event.owner)} …`);
        return;
      case 'scanning':
        screen.draw([`Comparing ${event.root} with ${event.bucket} …`]);
        return;
      case 'snapshot':
        screen.aside(() => {
          if (event.version !== null) out.note(`The bucket as it was is snapshot "${event.name}".`);
          else out.warn(`No snapshot of the bucket was taken first: ${event.reason ?? ''}`);
        });
        return;
      case 'planned':
        screen.aside(() =>
          out.detail(`${count(event.actions, 'change')}, ${formatBytes(event.bytes)}`),
        );
        return;
      case 'progress':
        screen.draw([progressText(event), ...event.moving.slice(0, 1).map(movingText)]);
        if (screen.inPlace || now() - lastLine < LINE_EVERY_MS) return;
        lastLine = now();
        out.note(progressText(event));
        return;
      case 'uploaded':
      case 'downloaded':
      case 'deleted':
        screen.aside(() => out.detail(`${event.type} ${event.path}`));
        return;
      case 'without-rclone':
        screen.aside(() => out.detail(`Compared without rclone: ${event.reason}`));
        return;
      case 'conflict':
      case 'warning':
      case 'problem':
    }
  };
  return {
    event: (event) => {
      out.event({ ...event });
      show(event);
    },
    end: () => screen.draw([]),
  };
}

function waitingText(owner: { command: string; pid: number; since: string } | null): string {
  return owner === null
    ? 'Waiting for another process that is at work here'
    : `Waiting for ${owner.command} (process ${owner.pid}, since ${owner.since})`;
}

/** `Syncing 12 of 300 changes, 45 MiB of 1.2 GiB, 12 MiB/s, 2 min left`. */
export function progressText(progress: Progress): string {
  const { changes, bytes, bytesPerSecond, secondsLeft } = progress;
  return [
    `Syncing ${changes.done.toLocaleString('en-US')} of ${count(changes.total, 'change')}`,
    ...(bytes.total === 0 ? [] : [`${formatBytes(bytes.done)} of ${formatBytes(bytes.total)}`]),
    ...(bytesPerSecond === 0 ? [] : [`${formatBytes(bytesPerSecond)}/s`]),
    ...(secondsLeft === null ? [] : [`${formatDuration(secondsLeft * 1000)} left`]),
  ].join(', ');
}

function movingText({ path, direction, bytes, size }: MovingFile): string {
  const percent = size === 0 ? 100 : Math.floor((bytes / size) * 100);
  return `  ${direction === 'up' ? '↑' : '↓'} ${percent} % ${path}`;
}

/** A few lines at the bottom of a terminal that are drawn over. Does nothing elsewhere. */
class Region {
  readonly #out: Output;
  #lines: readonly string[] = [];

  constructor(out: Output) {
    this.#out = out;
  }

  get inPlace(): boolean {
    return this.#out.options.animated;
  }

  draw(lines: readonly string[]): void {
    if (!this.inPlace) return;
    const { stderr } = this.#out.options;
    const up = this.#lines.length > 1 ? `\u001b[${this.#lines.length - 1}A` : '';
    // A full line makes some terminals go to the next one, and so does the `^C` that they echo.
    const fitting = lines.map((line) => fitText(line, this.#out.width - 3));
    stderr.write(`${up}\r\u001b[0J${fitting.join('\n')}`);
    this.#lines = lines;
  }

  /** Writes a line that stays, above the region. */
  aside(write: () => void): void {
    const lines = this.#lines;
    this.draw([]);
    write();
    this.draw(lines);
  }
}
