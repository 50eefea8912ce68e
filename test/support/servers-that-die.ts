/**
 * `node servers-that-die.ts SCENARIO PLACES`: one server for each of `PLACES` (JSON), one after the other.
 * Each is asked for the same and stops for good before or after one step of it; then all are killed
 * with -9. Without a `stop` it comes to its end, and its steps go to `FOLDER/steps.json`.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { JobRunner } from '../../src/server/jobs/runner.ts';
import { stepsAtStorage, watchCommits, type OnStep } from './durable-steps.ts';
import { clientsOf, SCENARIOS, type Before, type Scenario } from './kill-scenarios.ts';
import { startTestServer } from './server.ts';
import { withTrouble } from './storage-trouble.ts';

export interface Place {
  dataFolder: string;
  databaseUrl: string | undefined;
  /** `index` of a step. */
  stop: { index: number; when: 'before' | 'after' } | undefined;
}

const [name = '', places = '[]'] = process.argv.slice(2);
const scenario: Scenario = SCENARIOS[name as keyof typeof SCENARIOS];

// Nothing happens but what is asked for, however long the others take until all are killed.
JobRunner.prototype.start = () => undefined;

let watching: OnStep = () => Promise.resolve();
const onStep: OnStep = (step, when) => watching(step, when);
watchCommits(onStep);

for (const place of JSON.parse(places) as Place[]) {
  const { dataFolder, databaseUrl, stop } = place;
  if (databaseUrl !== undefined) process.env['DATABASE_URL'] = databaseUrl;
  const server = await startTestServer({
    ...{ dataFolder, tenants: ['acme'] },
    wrapStorage: (storage) => withTrouble(storage, stepsAtStorage(onStep)),
  });
  const before: Before = { apiKey: server.apiKeyOf('acme'), credentials: [] };
  const clients = clientsOf(server, before.apiKey);
  await scenario.prepare?.(clients, before);
  // What was written is told now, and not at some time later.
  await server.objectStore.delivered();
  await writeFile(join(dataFolder, 'before.json'), JSON.stringify(before));
  const steps: string[] = [];
  const stopped = Promise.withResolvers<undefined>();
  watching = async (step, when) => {
    if (when === 'before') steps.push(step);
    if (stop?.index !== steps.length - 1 || stop.when !== when) return;
    stopped.resolve(undefined);
    await new Promise(() => undefined);
  };
  await Promise.race([stopped.promise, scenario.act(clients, before)]);
  watching = () => Promise.resolve();
  await writeFile(join(dataFolder, 'steps.json'), JSON.stringify(steps));
}
process.kill(process.pid, 'SIGKILL');
