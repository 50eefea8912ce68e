import { presentEnd, showWatch } from '../bisync/watch/show-watch.ts';
import { watchContext, type WatchRequest } from '../bisync/watch/watch-context.ts';
import type { Output } from '../output/output.ts';
import type { Host } from '../platform/host.ts';
import { reportOf } from './report.ts';

/** Watches until Ctrl-C and shows it, for the commands that do. */
export async function runWatch(request: WatchRequest, host: Host, out: Output): Promise<void> {
  const end = await watchContext(request, host, {
    reportOf,
    show: (watcher) => showWatch(watcher, out, () => host.clock.now()),
  });
  out.final(end, presentEnd);
}
