import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Looks at the command line of every process on the machine, over and over, while `work` runs;
 * returns what it saw, arguments joined by spaces. A process that lives for less than a look may be
 * missed, so where that matters have it note its own arguments too.
 */
export async function processesDuring(work: () => Promise<void>): Promise<Set<string>> {
  const seen = new Set<string>();
  const done = new AbortController();
  const looking = (async () => {
    while (!done.signal.aborted) {
      for (const pid of await readdir('/proc')) {
        if (!/^\d+$/.test(pid)) continue;
        const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        if (line !== '') seen.add(line.replaceAll('\0', ' '));
      }
      // The machine has other work; who must not be missed notes its arguments itself.
      await pause(20);
    }
  })();
  try {
    await work();
  } finally {
    done.abort();
    await looking;
  }
  return seen;
}

/** The environments of the processes with this HOME that have `word` as an argument. */
export async function environmentsOf(home: string, word: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!line.split('\0').includes(word)) continue;
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (environment.split('\0').includes(`HOME=${home}`)) found.push(environment);
  }
  return found;
}
