import { chmod, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Rclone } from '../../../../src/rclone/rclone.ts';
import { openDevice, startTestBucket } from '../../../support/devices.ts';
import { startFaultProxy, type ListingHistory } from '../../../support/fault-proxy.ts';
import { hurriedClock } from '../../../support/hurried-clock.ts';
import { realRclone } from '../../../support/rclone.ts';
import { DeviceNode } from './device-node.ts';
import { checkEnd, checkExplained, checkSpurious, watchQuietSync } from './oracles.ts';
import type { Scenario, Step, SyncStep } from './steps.ts';
import { playSync, runSync, type SyncEnd, type Tally } from './sync-step.ts';
import { World } from './world.ts';

/** Without waiting for a disk: what a power cut leaves is not what is tested here. */
export function useMemoryForFiles(): void {
  try {
    accessSync('/dev/shm', constants.W_OK);
    process.env['TMPDIR'] = '/dev/shm';
  } catch {
    // Not Linux, or not allowed; slower.
  }
}

export interface Outcome {
  violations: string[];
  history: string[];
}

/** Plays a scenario from an empty bucket to the point where everything is quiet, and judges it. */
export async function play(
  { devices: count, steps }: Scenario,
  tally: Tally,
  { observedPath }: { observedPath?: string } = {},
): Promise<Outcome> {
  await using stack = new AsyncDisposableStack();
  const bucket = stack.use(await startTestBucket());
  const history: ListingHistory = new Map();
  const rclone = await realRclone();
  const devices: DeviceNode[] = [];
  for (const name of ['laptop', 'desktop', 'tablet'].slice(0, count)) {
    const proxy = stack.use(await startFaultProxy(bucket.access.endpoint, history));
    const own: Rclone = { ...rclone };
    const device = await openDevice(bucket, name, {
      ...{ endpoint: proxy.url, clock: hurriedClock(), rclone: own },
    });
    stack.defer(() => device.dispose());
    own.path = await wrapped(rclone.path, dirname(device.root));
    devices.push(new DeviceNode(name, device, proxy));
  }
  const world = new World(bucket, devices);
  world.observedPath = observedPath;
  stack.defer(() => world.bucket.close());
  stack.defer(() => {
    for (const device of devices) for (const held of [...device.held]) device.letGo(held);
  });
  for (const device of devices) await runSync(device, CALM);
  for (const step of steps) await playStep(world, step, tally);
  await stabilise(world);
  await checkEnd(world);
  if (observedPath !== undefined) await checkExplained(world, observedPath);
  return { violations: world.facts.violations, history: world.facts.history };
}

const CALM = { profile: 'fast', conflicts: 'newer' } as const;

/** rclone under a process id that is known while it runs. */
async function wrapped(rclone: string, home: string): Promise<string> {
  const path = join(home, 'rclone');
  await writeFile(path, `#!/bin/sh\necho $$ > '${home}/rclone.pid'\nexec '${rclone}' "$@"\n`);
  await chmod(path, 0o755);
  return path;
}

async function playStep(world: World, step: Step, tally: Tally): Promise<void> {
  if (step.type === 'sync') await syncAndJudge(world, step, tally);
  else if (step.type === 'wipe') await wipe(world, step.node, step.leave);
  else if (step.type === 'damage') await damage(world, step.node, step.what);
  else if (step.type !== 'swap-root' && step.type !== 'other-sync') await world.edit(step);
  for (const device of world.devices) world.observe(device);
}

async function syncAndJudge(world: World, step: SyncStep, tally: Tally): Promise<void> {
  const device = world.device(step.node);
  const alone = step.races.length === 0 && step.kill === null;
  const calm = alone && step.faults.length === 0 && !step.rcloneDies;
  const judge = alone ? await watchQuietSync(world, device) : undefined;
  let end = await playSync(world, step, tally);
  if (calm && end.planId !== undefined) {
    const approve = end.planId;
    end = await world.syncing(device, () => runSync(device, { ...step, approve }));
    world.note(`${device.name}: approved`);
  }
  judgeEnd(world, device, end, { calm });
  await judge?.(calm ? end.result : undefined);
}

/** Errors that a run may end with; in a calm world there are none. */
const UNDER_TROUBLE = new Set([
  ...['offline', 'needs-login', 'error', 'storage-failed', 'scan-failed', 'lock-held'],
  ...['halted-delete-guard', 'halted-root-emptied', 'halted-marker-missing', 'plan-changed'],
  ...['access-check-failed'],
]);

function judgeEnd(
  world: World,
  device: DeviceNode,
  { result, code, message, killed }: SyncEnd,
  { calm }: { calm: boolean },
): void {
  if (killed === true) return;
  if (result === undefined && (code === undefined || (calm ? true : !UNDER_TROUBLE.has(code)))) {
    world.violation(`failed: sync of ${device.name} ended with ${code ?? ''} ${message ?? ''}`);
  }
  checkSpurious(world, device, result);
}

/** As by a failing disk: nothing may be deleted elsewhere because of it. */
async function wipe(world: World, node: number, leave: 0 | 1): Promise<void> {
  const device = world.device(node);
  // Only when all is agreed is it known what the guards must see.
  const before = await world.syncing(device, () => runSync(device, CALM));
  const live = await world.observeBucket();
  const files = device.files();
  const agreed = [...files].filter(([path, text]) => live.get(path) === text).map(([path]) => path);
  if (before.result?.exitCode !== 0 || agreed.length !== files.size || files.size < 3) return;
  const bringBack = device.hide(agreed.slice(leave));
  const safe = { profile: 'safe', conflicts: 'newer' } as const;
  const end = await world.syncing(device, () => runSync(device, safe));
  world.note(`${device.name}: all but ${leave} vanished, sync → ${end.code ?? 'went on'}`);
  const after = await world.observeBucket();
  const lost = agreed.filter((path) => !after.has(path));
  if (lost.length > 0) world.violation(`guard: a wiped folder deleted ${lost.join(', ')}`);
  bringBack();
}

async function damage(
  world: World,
  node: number,
  what: Extract<Step, { type: 'damage' }>['what'],
): Promise<void> {
  const device = world.device(node);
  const pairs = join(device.device.host.places.state, 'pairs');
  const [pair = ''] = await readdir(pairs);
  world.facts.doubt = true;
  device.disturbed = device.syncs + 1;
  world.note(`${device.name}: state lost: ${what}`);
  const gone = { baseline: 'baseline', memory: 'memory.json', everything: '' } as const;
  if (what === 'truncated')
    await truncate(join(pairs, pair, 'baseline'), 40).catch(() => undefined);
  else await rm(join(pairs, pair, gone[what]), { recursive: true, force: true });
}

const ROUNDS = 10;

/** Trouble is over: everybody syncs until nothing moves any more. */
async function stabilise(world: World): Promise<void> {
  for (const device of world.devices) {
    for (const held of [...device.held]) device.letGo(held);
    device.removeSymlink('dir');
  }
  for (const key of world.hostile) await world.bucket.force(key, undefined);
  for (let round = 0; round < ROUNDS; round += 1) {
    let moved = 0;
    for (const device of world.devices) {
      const end = await world.syncing(device, async () => {
        const first = await runSync(device, CALM);
        const { planId: approve } = first;
        return approve === undefined ? first : runSync(device, { ...CALM, approve });
      });
      judgeEnd(world, device, end, { calm: true });
      const { counts, problems = [], movedOn = [] } = end.result ?? {};
      if (counts === undefined) return;
      const done = counts.uploaded + counts.downloaded + counts.deletedLocal + counts.deletedRemote;
      moved += done + counts.conflicts + problems.length + movedOn.length;
      world.note(
        `${device.name}: at the end → ${JSON.stringify({ ...counts, problems, movedOn })}`,
      );
    }
    if (moved === 0) return;
  }
  world.violation(`unstable: something moves in each of ${ROUNDS} rounds`);
}
