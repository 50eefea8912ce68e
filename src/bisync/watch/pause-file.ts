import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { readTextIfExists, writeFileAtomic } from '../../platform/atomic-file.ts';

const pauseSchema = z.object({ until: z.nullable(z.number()) });

/** A pause outlives the watcher that was paused. */
export interface Pause {
  /** Milliseconds since the epoch; null: until somebody resumes it. */
  until: number | null;
}

/**
 * The pause that a person asked for; undefined when there is none or its time is over. One that
 * cannot be understood is none: syncing is what the person wants otherwise.
 */
export async function readPause(pairFolder: string, now: number): Promise<Pause | undefined> {
  const text = await readTextIfExists(pausePath(pairFolder));
  if (text === undefined) return undefined;
  const pause = parsePause(text);
  return pause !== undefined && (pause.until === null || pause.until > now) ? pause : undefined;
}

export async function writePause(pairFolder: string, pause: Pause): Promise<void> {
  await writeFileAtomic(pausePath(pairFolder), `${JSON.stringify(pause)}\n`);
}

/** @returns whether there was one */
export async function endPause(pairFolder: string, now: number): Promise<boolean> {
  const paused = (await readPause(pairFolder, now)) !== undefined;
  await rm(pausePath(pairFolder), { force: true });
  return paused;
}

function parsePause(text: string): Pause | undefined {
  try {
    return pauseSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function pausePath(pairFolder: string): string {
  return join(pairFolder, 'pause.json');
}
