import { summarizeView } from '../bisync/watch/present-watch.ts';
import { describeMount } from '../mount/present-watch.ts';
import type { Output } from '../output/output.ts';
import { redact } from '../output/redact.ts';
import { Repaint } from '../output/repaint.ts';
import type { Host } from '../platform/host.ts';
import {
  mountReports,
  presentMountReports,
  type MountReports,
  type WatchedFolder,
} from './watched-folders.ts';

/** The pause between two looks. */
const EVERY_MS = 1000;

/**
 * Shows how mounts and watchers stand again and again, until `signal` is aborted, which is how it ends:
 * drawn in place on a terminal; in a pipe a line for each that changed; under `--json` a document a
 * line, where something changed.
 */
export async function followMounts(host: Host, out: Output, signal: AbortSignal): Promise<void> {
  const now = (): number => host.clock.now();
  const screen = new Repaint(out.options.stdout);
  const news = new News();
  try {
    while (!signal.aborted) {
      const reports = await mountReports(host);
      if (out.json) {
        if (news.is('', JSON.stringify(reports))) {
          out.event({ type: 'status', at: new Date(now()).toISOString(), ...reports });
        }
      } else if (out.options.animated) {
        screen.draw(redact(presentMountReports(reports, out, now())));
      } else {
        for (const text of changedLines(reports, news, now())) {
          out.line(`${new Date(now()).toISOString()} ${text}`);
        }
      }
      await host.clock.sleep(EVERY_MS, signal).catch(() => undefined);
    }
  } finally {
    screen.end();
  }
}

/** Tells what differs from what was told last under a name. */
class News {
  readonly #last = new Map<string, string>();

  is(name: string, text: string): boolean {
    const isNews = this.#last.get(name) !== text;
    this.#last.set(name, text);
    return isNews;
  }
}

function changedLines({ mounts, watched }: MountReports, news: News, now: number): string[] {
  const lines: string[] = [];
  for (const mount of mounts) {
    const text = describeMount(mount);
    if (news.is(mount.id, text)) lines.push(text);
  }
  for (const folder of watched) {
    // Its last change is told once; how long ago that was is no news.
    const { state, view } = folder;
    const seen = JSON.stringify([state, view?.message, view?.queued, view?.recent[0]]);
    if (news.is(folder.root, seen)) lines.push(describeWatched(folder, now));
  }
  const nothing = mounts.length + watched.length === 0;
  if (news.is('nothing', String(nothing)) && nothing) lines.push('nothing is mounted or watched');
  return lines;
}

function describeWatched({ root, pid, view }: WatchedFolder, now: number): string {
  if (view === null) return `${root}: watched, but process ${pid} does not answer`;
  return `${root}: watched, ${view.state}, ${summarizeView(view, now)}`;
}
