import * as z from 'zod/mini';
import { readTextIfExists, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { serviceFiles } from './kinds.ts';
import { parsed } from './record.ts';

const RunRecord = z.object({
  version: z.literal(1),
  /** `resting`: it waits before it tries again. */
  state: z.enum(['resting', 'running', 'ended']),
  process: z.object({ pid: z.int(), startedAt: z.string() }),
  /** RFC 3339, as all times here. */
  startedAt: z.string(),
  /** How often in a row it has ended soon after its start. */
  failures: z.int(),
  /** When the rest is over. */
  restsUntil: z.nullable(z.string()),
  endedAt: z.nullable(z.string()),
  /** What the job ended with, also where the system was told 0. */
  exitCode: z.nullable(z.int()),
  problem: z.nullable(
    z.object({ code: z.string(), message: z.string(), suggestions: z.array(z.string()) }),
  ),
});
/** The process of a service, or how the last one ended. */
export type RunRecord = z.infer<typeof RunRecord>;

export async function readRun(host: Host, id: string): Promise<RunRecord | undefined> {
  return parsed(RunRecord, await readTextIfExists(serviceFiles(host.places, id).run));
}

export async function writeRun(host: Host, id: string, run: RunRecord): Promise<void> {
  await writeFileAtomic(serviceFiles(host.places, id).run, `${JSON.stringify(run, null, 2)}\n`);
}
