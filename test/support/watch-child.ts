/**
 * A watcher in a process of its own, to be stopped and killed. The first line on stdin is its task, the
 * others are items of the event stream, `flush` or `stop`. What it tells comes as lines on stdout.
 */
import { createInterface } from 'node:readline';
import type { StreamItem } from '../../src/api/event-stream.ts';
import type { BisyncOptions } from '../../src/bisync/options.ts';
import { startWatch } from '../../src/bisync/watch/start-watch.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { resolvePlaces } from '../../src/platform/places.ts';

interface Task {
  options: BisyncOptions;
  env: NodeJS.ProcessEnv;
  home: string;
}
export type WatchOrder = { type: 'item'; item: StreamItem } | { type: 'flush' } | { type: 'stop' };

const print = (value: object): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};

const waiting: StreamItem[] = [];
let wake = Promise.withResolvers<null>();
async function* items(signal: AbortSignal): AsyncGenerator<StreamItem, void> {
  yield { type: 'open', position: '0-0' };
  yield { type: 'gap', position: '0-0' };
  signal.addEventListener('abort', () => wake.resolve(null));
  while (!signal.aborted) {
    const item = waiting.shift();
    if (item !== undefined) yield item;
    else {
      await wake.promise;
      wake = Promise.withResolvers<null>();
    }
  }
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { options, env, home } = JSON.parse(String((await lines.next()).value)) as Task;
const places = resolvePlaces(env, process.platform, home);
const host = { env, platform: process.platform, places, clock: systemClock };
const watcher = await startWatch({ ...options, intervalMs: 60_000, followEvents: items }, host);
watcher.onEvent((event) => {
  if (event.type !== 'progress') print(event);
});
print({ type: 'ready' });
watcher.done.then(
  () => process.exit(0),
  (error: unknown) => {
    const { code, message } = error as { code?: string; message: string };
    print({ type: 'ended', code, message });
    process.exit(1);
  },
);
for await (const line of { [Symbol.asyncIterator]: () => lines }) {
  const order = JSON.parse(line) as WatchOrder;
  if (order.type === 'item') {
    waiting.push(order.item);
    wake.resolve(null);
  } else if (order.type === 'stop') watcher.stop();
  else {
    watcher.flush().then(
      (result) => print({ type: 'flushed', result }),
      (error: unknown) => print({ type: 'not-flushed', message: (error as Error).message }),
    );
  }
}
