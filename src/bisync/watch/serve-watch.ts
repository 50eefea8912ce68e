import { randomBytes } from 'node:crypto';
import { serveControl } from '../../control/control.ts';
import type { ErrorReport } from '../../output/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import { currentProcess } from '../../platform/processes.ts';
import { WatchQuestion } from './questions.ts';
import { removeWatchRecord, writeWatchRecord } from './watch-record.ts';
import type { Watcher } from './watcher.ts';

export interface ServedWatcher {
  close(): Promise<void>;
}

/** Lets other processes of this user find a running watcher and speak to it. */
export async function serveWatcher(
  watcher: Watcher,
  options: {
    pairFolder: string;
    command: string;
    clock: Clock;
    reportOf: (error: unknown) => ErrorReport;
  },
): Promise<ServedWatcher> {
  const { pairFolder, command, clock, reportOf } = options;
  const nonce = randomBytes(16).toString('hex');
  const server = await serveControl(pairFolder, nonce, {
    questions: WatchQuestion,
    handle: (question, _emit, signal) => answer(watcher, question, signal),
    reportOf,
  });
  await writeWatchRecord(pairFolder, {
    ...{ version: 1, nonce, process: currentProcess(), control: server.address, command },
    at: new Date(clock.now()).toISOString(),
  });
  return {
    close: async () => {
      removeWatchRecord(pairFolder, nonce);
      await server.close();
    },
  };
}

async function answer(
  watcher: Watcher,
  question: WatchQuestion,
  signal: AbortSignal,
): Promise<unknown> {
  switch (question.type) {
    case 'view':
      return watcher.view();
    case 'flush':
      return watcher.flush(signal);
    case 'pause':
      await watcher.pause(question.until);
      return watcher.view();
    case 'resume':
      await watcher.resume();
      return watcher.view();
    case 'use-stored-key':
      return watcher.useStoredKey();
  }
}
