import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Below this nobody misses it, and collecting is not worth the moment that it takes. */
const WORTH_IT_BYTES = 150 * 1024 ** 2;

/**
 * Has the engine collect what a large piece of work left behind, and give it back to the system. A
 * process that is idle afterwards would keep it for ever: V8 collects when it needs space. Some
 * hundred milliseconds for some hundred megabytes.
 */
export function giveBackMemory(): void {
  if (process.memoryUsage().heapTotal < WORTH_IT_BYTES) return;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
}
