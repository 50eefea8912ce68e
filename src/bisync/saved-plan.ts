import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { ensurePrivateFolder, readTextIfExists, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Action, Plan } from './plan.ts';
import { CONFLICT_STRATEGIES, type ConflictStrategy } from './profiles.ts';
import type { Baseline, Listing } from './versions.ts';

/** A plan as a person has seen it: what is to be done, and from which versions it was concluded. */
const savedSchema = z.object({
  id: z.string(),
  createdAt: z.string(),
  /** Who keeps the name in a conflict of it. */
  conflicts: z.enum(CONFLICT_STRATEGIES),
  steps: z.array(z.object({ path: z.string(), type: z.string(), seen: z.string() })),
});
type SavedPlan = z.infer<typeof savedSchema>;

/** A plan with everything that decides what it does. */
export interface ApprovedPlan {
  plan: Plan;
  conflicts: ConflictStrategy;
}

/** The three sides that a plan was made from. */
export interface ComparedSides {
  baseline: Baseline;
  local: Listing;
  remote: Listing;
}

const KEPT = 20;

/** Stores a plan for `--approve` and returns its id; of the older ones the last few are kept. */
export async function savePlan(
  pairFolder: string,
  { plan, conflicts }: ApprovedPlan,
  sides: ComparedSides,
  now: number,
): Promise<string> {
  const folder = join(pairFolder, 'plans');
  await ensurePrivateFolder(folder);
  const createdAt = new Date(now).toISOString();
  // Sorts by time, so that the oldest can be told.
  const id = `${createdAt.replace(/[-:]/g, '').slice(0, 15)}-${randomBytes(3).toString('hex')}`;
  const steps = plan.actions.map((action) => stepOf(action, sides));
  const saved: SavedPlan = { id, createdAt, conflicts, steps };
  await writeFileAtomic(join(folder, `${id}.json`), `${JSON.stringify(saved)}\n`);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  for (const name of names.slice(0, -KEPT)) await rm(join(folder, name), { force: true });
  return id;
}

/**
 * The part of `plan` that a person approved by its id.
 *
 * @throws AbortError `unknown-plan` (2); `plan-changed` (78) when a path of it is not as it was:
 * then nothing of it is done
 */
export async function approvedPart(
  pairFolder: string,
  id: string,
  plan: Plan,
  sides: ComparedSides,
): Promise<ApprovedPlan> {
  const saved = await readPlan(pairFolder, id);
  const now = new Map(plan.actions.map((action) => [action.path, action]));
  const changed = saved.steps.filter((step) => {
    const action = now.get(step.path);
    return action === undefined || stepOf(action, sides).seen !== step.seen;
  });
  if (changed.length > 0) {
    const paths = changed.map(({ path }) => path);
    throw new AbortError(
      'plan-changed',
      `${paths[0] ?? ''} is not as it was when the plan ${id} was made` +
        `${paths.length > 1 ? ` (and ${paths.length - 1} more)` : ''}; nothing was done.`,
      {
        exitCode: ExitCode.needsPerson,
        suggestions: ['Make a new plan and look at it: cloud bisync --dry-run'],
        details: { planId: id, changed: paths.slice(0, 100) },
      },
    );
  }
  const approved = new Set(saved.steps.map(({ path }) => path));
  const actions = plan.actions.filter(({ path }) => approved.has(path));
  const renames = plan.renames.filter(({ from, to }) => approved.has(from) && approved.has(to));
  return { plan: { ...plan, actions, renames }, conflicts: saved.conflicts };
}

async function readPlan(pairFolder: string, id: string): Promise<SavedPlan> {
  const known = /^[0-9A-Za-z-]+$/.test(id)
    ? await readTextIfExists(join(pairFolder, 'plans', `${id}.json`))
    : undefined;
  const parsed = known === undefined ? undefined : parsePlan(known);
  if (parsed !== undefined) return parsed;
  throw new AbortError('unknown-plan', `There is no plan ${id} for this folder.`, {
    exitCode: ExitCode.usage,
    suggestions: ['Make one with: cloud bisync --dry-run'],
  });
}

function parsePlan(text: string): SavedPlan | undefined {
  try {
    return savedSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function stepOf(action: Action, sides: ComparedSides): SavedPlan['steps'][number] {
  const { path, type } = action;
  const versions = [sides.baseline, sides.local, sides.remote].map(
    (side) => side.get(path) ?? null,
  );
  return { path, type, seen: JSON.stringify([type, ...versions]) };
}
