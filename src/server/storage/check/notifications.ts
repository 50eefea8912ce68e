import type { Clock } from '../../../platform/clock.ts';
import type { Ear } from './ear.ts';
import { asTenant, Broken, expectAll, needed, Unseen, type Step } from './step.ts';

const TOLD = 6;
const TOLD_EVERY_MS = 5000;

export const NOTIFICATIONS: Step = {
  id: 'notifications',
  title: 'Have changes told to a webhook',
  cure: 'Clients learn of changes by comparing only, within a minute instead of a second. Does CLOUD_SERVER_PUBLIC_URL lead here from the storage?',
  run: async (made, { storage, clock, listen }, scratch) => {
    const { bucket, key } = needed(made.one);
    await using ear = await listen();
    const { webhook, deaf } = ear;
    if (webhook === undefined) throw new Unseen(deaf);
    await storage.setNotifications(bucket, webhook);
    if (deaf !== undefined) throw new Unseen(`they can be set, but were not heard: ${deaf}`);
    const took = await untilHeard(ear, clock, async (name) => {
      await expectAll('allowed', { write: () => asTenant(scratch, key).put(bucket, name) });
    });
    if (took !== undefined) return `one arrived within ${took} ms`;
    const { origin } = new URL(webhook.url);
    throw new Broken(`nothing came to ${origin} in ${(TOLD * TOLD_EVERY_MS) / 1000} s`);
  },
};

/** The setting may take a while to count, so there is more than one change. @throws Broken */
async function untilHeard(
  { heard }: Ear,
  clock: Clock,
  change: (name: string) => Promise<void>,
): Promise<number | undefined> {
  const begun = clock.now();
  const over = new AbortController();
  const first = heard.then((wrong) => {
    over.abort();
    return { wrong };
  });
  for (let attempt = 1; attempt <= TOLD && !over.signal.aborted; attempt += 1) {
    await change(`told-${attempt}.txt`);
    await clock.sleep(TOLD_EVERY_MS, over.signal).catch(() => undefined);
  }
  if (!over.signal.aborted) return undefined;
  const { wrong } = await first;
  if (wrong !== undefined) throw new Broken(`one arrived, but ${wrong}`);
  return clock.now() - begun;
}
