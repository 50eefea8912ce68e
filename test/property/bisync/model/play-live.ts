import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { openDevice, startTestBucket } from '../../../support/devices.ts';
import { startFaultProxy } from '../../../support/fault-proxy.ts';
import { DeviceNode } from './device-node.ts';
import { LiveDevice } from './live-device.ts';
import { checkEnd } from './oracles.ts';
import { useMemoryForFiles, type Outcome } from './play.ts';
import { anyPathEdits, CLOUD, failures, type Edit, type Fault } from './steps.ts';
import type { Tally } from './sync-step.ts';
import { World } from './world.ts';

/** What happens while two watchers run; each goes on `after` so many milliseconds. */
type LiveStep = { after: number } & (
  | { type: 'edit'; edit: Edit }
  /** kill -9, and a new start. */
  | { type: 'kill'; node: number }
  | { type: 'faults'; node: number; faults: Fault[] }
  /** Events that are lost, told twice, or late. */
  | { type: 'events'; fate: 'lost' | 'twice' | 'late' }
);

const node = fc.nat({ max: 1 });
const after = fc.constantFrom(0, 0, 5, 60, 150, 400);
const liveScenario: fc.Arbitrary<LiveStep[]> = fc.array(
  fc.oneof(
    {
      weight: 16,
      arbitrary: fc.record({ type: fc.constant('edit' as const), edit: anyPathEdits, after }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('kill' as const), node, after }) },
    {
      weight: 3,
      arbitrary: fc.record({
        ...{ type: fc.constant('faults' as const), node, after },
        faults: fc.array(failures, { maxLength: 3 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        ...{ type: fc.constant('events' as const), after },
        fate: fc.constantFrom<'lost' | 'twice' | 'late'>('lost', 'twice', 'late'),
      }),
    },
  ),
  { minLength: 6, maxLength: 20 },
);

const LATE_MS = 300;

export interface LiveTally extends Tally {
  lives: number;
  steps: number;
  /** Changes that took the lane. */
  byLane: number;
  seed: number;
}

/** Plays random lives. @throws what fast-check says of one that fails, with its history */
export async function exploreLive(runs: number, seed: number): Promise<LiveTally> {
  useMemoryForFiles();
  const tally = { lives: 0, steps: 0, byLane: 0, seed, syncs: 0, kills: 0, faults: 0, races: 0 };
  const life = fc.asyncProperty(liveScenario, async (each) => {
    tally.lives += 1;
    tally.steps += each.length;
    const { violations, history } = await playLive(each, tally);
    if (violations.length > 0) throw new Error([...violations, ...history].join('\n'));
  });
  // Made smaller a life seldom fails again: what happens when is up to the machine.
  await fc.assert(life, { seed, numRuns: runs, endOnFailure: true });
  return tally;
}

/** Plays a life of two devices that are watched all the time, to the quiet end, and judges it. */
async function playLive(steps: readonly LiveStep[], tally: LiveTally): Promise<Outcome> {
  await using stack = new AsyncDisposableStack();
  const bucket = stack.use(await startTestBucket());
  const nodes: DeviceNode[] = [];
  for (const name of ['laptop', 'desktop']) {
    const proxy = stack.use(await startFaultProxy(bucket.access.endpoint, new Map()));
    const device = await openDevice(bucket, name, { endpoint: proxy.url });
    stack.defer(() => device.dispose());
    const each = new DeviceNode(name, device, proxy);
    // How often it has synced is not to be known: what is written late may be in the trash only.
    each.disturbed = Infinity;
    nodes.push(each);
  }
  const world = new World(bucket, nodes);
  stack.defer(() => world.bucket.close());
  stack.defer(() => {
    for (const each of nodes) for (const held of [...each.held]) each.letGo(held);
  });
  const live = nodes.map((each) => new LiveDevice(world, each));
  for (const each of live) stack.defer(() => each.kill());
  const events = new Events(world, live);
  stack.defer(() => events.end());
  for (const each of live) await each.start();
  // What a new pair is set up with is written by then.
  for (const each of live) await each.flush();
  for (const step of steps) {
    await playStep(world, live, events, step, tally);
    await delay(step.after);
  }
  await stabilise(world, live);
  for (const each of live) {
    await each.stop();
    tally.byLane += each.byLane;
  }
  await checkEnd(world);
  return { violations: world.facts.violations, history: world.facts.history };
}

async function playStep(
  world: World,
  live: readonly LiveDevice[],
  events: Events,
  step: LiveStep,
  tally: Tally,
): Promise<void> {
  switch (step.type) {
    case 'edit': {
      const { edit } = step;
      if (edit.type === 'swap-root' || edit.type === 'other-sync') return;
      const on = 'node' in edit && edit.node !== CLOUD ? live[edit.node % live.length] : undefined;
      const act = (): Promise<void> => world.edit(edit);
      await (on === undefined ? act() : on.standingStill(act));
      break;
    }
    case 'kill': {
      const each = live[step.node % live.length];
      tally.kills += 1;
      world.facts.unsure = true;
      world.note(`${each?.node.name ?? ''}: kill -9`);
      await each?.kill();
      await each?.start();
      break;
    }
    case 'faults': {
      const each = live[step.node % live.length];
      world.facts.unsure = true;
      tally.faults += step.faults.length;
      world.note(`${each?.node.name ?? ''}: trouble ${JSON.stringify(step.faults)}`);
      each?.node.proxy.follow({
        fate: ({ method, nth }) =>
          step.faults.find((fault) => fault.method === method && fault.nth === nth)?.fate ?? {
            type: 'pass',
          },
      });
      break;
    }
    case 'events':
      events.fate = step.fate;
  }
  for (const { node: device } of live) world.observe(device);
}

/** What a server would tell of the bucket, hints as they are. */
class Events {
  readonly #live: readonly LiveDevice[];
  readonly #end: () => void;
  /** Of the next event. */
  fate: 'lost' | 'twice' | 'late' | undefined;
  #count = 0;

  constructor(world: World, live: readonly LiveDevice[]) {
    this.#live = live;
    this.#end = world.store.requests.listen(({ operation, key, status }) => {
      const change = /^(Put|Copy|CompleteMultipartUpload|Delete)/.exec(operation)?.[0];
      if (change === undefined || key === undefined || status >= 300) return;
      this.#tell(key, change.startsWith('Delete') ? 'delete' : 'put');
    });
  }

  end(): void {
    this.#end();
  }

  #tell(key: string, change: 'put' | 'delete'): void {
    const { fate } = this;
    this.fate = undefined;
    if (fate === 'lost') return;
    const id = `${(this.#count += 1)}-x`;
    const hear = (): void => {
      for (const each of this.#live) {
        const event = {
          id,
          at: '',
          type: 'object-changed',
          key,
          change,
          source: 'storage',
        } as const;
        each.hear({ type: 'event', event });
      }
    };
    if (fate === 'late') setTimeout(hear, LATE_MS);
    else hear();
    if (fate === 'twice') hear();
  }
}

const ROUNDS = 12;

/**
 * Trouble is over: everybody is flushed until nothing moves any more. A watcher also works between its
 * flushes, which count none of it: what one deletes after the other's flush is a second away from the
 * other. Only if all was the same during a whole round has each flush compared what stays.
 */
async function stabilise(world: World, live: readonly LiveDevice[]): Promise<void> {
  for (const { node: device } of live) {
    device.proxy.follow(undefined);
    for (const held of [...device.held]) device.letGo(held);
    device.removeSymlink('dir');
  }
  for (const key of world.hostile) await world.bucket.force(key, undefined);
  let before = await everything(world);
  for (let round = 0; round < ROUNDS; round += 1) {
    let moved = 0;
    for (const each of live) {
      const result = await each.flush();
      moved += result === undefined ? 1 : result.changes + result.problems.length;
    }
    const now = await everything(world);
    if (moved === 0 && now === before) return;
    before = now;
  }
  world.violation(`unstable: something moves in each of ${ROUNDS} rounds`);
}

/** What the bucket and all devices hold. */
async function everything(world: World): Promise<string> {
  const sides = [await world.observeBucket(), ...world.devices.map((each) => each.files())];
  return JSON.stringify(sides.map((files) => [...files].toSorted()));
}
