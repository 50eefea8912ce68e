import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { realRclone } from './rclone.ts';
import { runCloud, type CloudRun } from './run-cloud.ts';
import { startTestServer } from './server.ts';
import { openWorkspace } from './workspace.ts';

export interface Person {
  folder: string;
  env: NodeJS.ProcessEnv;
  server: Awaited<ReturnType<typeof startTestServer>>;
  /** Runs the built command line as this person. */
  cloud(...args: string[]): Promise<CloudRun>;
}

/** A person with a set-up folder of ten notes, on a server of their own or with somebody else. */
export async function openPerson(colleague?: Person): Promise<Person> {
  const server = colleague?.server ?? (await startTestServer({ tenants: ['acme'] }));
  if (colleague === undefined) onTestFinished(() => server.close());
  const { root, env } = await openWorkspace();
  const folder = join(root, 'notes');
  await mkdir(folder);
  for (let index = 0; index < 10; index += 1)
    await writeFile(join(folder, `n${index}.md`), `${index}`);
  const cloudEnv = { ...env, CLOUD_RCLONE: (await realRclone()).path };
  const cloud = (...args: string[]): Promise<CloudRun> => runCloud(args, { env: cloudEnv });
  const setup = await runCloud(
    [
      ...['setup', '--server', server.url, '--mode', 'bisync'],
      ...['--path', folder, '--token-stdin', '--yes'],
    ],
    { env: cloudEnv, input: server.apiKeyOf('acme') },
  );
  expect(setup.stderr + setup.stdout).toContain('Ready.');
  return { folder, env: cloudEnv, server, cloud };
}
