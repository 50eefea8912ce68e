import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { AbortError } from '../../../../src/output/errors.ts';
import { LockHeldError } from '../../../../src/platform/lock-held-error.ts';
import type { BisyncOptions } from '../../../../src/bisync/options.ts';
import type { BisyncResult } from '../../../../src/bisync/result.ts';
import { createS3Client } from '../../../../src/s3/client.ts';
import { watchFiles, type SeenOperation } from '../../../support/file-barrier.ts';
import type { ProxyScript, SeenRequest } from '../../../support/fault-proxy.ts';
import type { DeviceNode } from './device-node.ts';
import { SELF, type Fault, type Moment, type Race, type SyncStep } from './steps.ts';
import type { World } from './world.ts';

/** How a sync ended, in this process or another. */
export interface SyncEnd {
  result?: BisyncResult;
  /** `undefined` for what is no error that the product knows. */
  code?: string | undefined;
  message?: string;
  planId?: string;
  killed?: boolean;
}

export interface Tally {
  syncs: number;
  kills: number;
  faults: number;
  races: number;
}

type How = Pick<SyncStep, 'profile' | 'conflicts' | 'full'> & { approve?: string };

/** A sync with whatever is to happen meanwhile. Nothing of it goes on when this returns. */
export async function playSync(world: World, step: SyncStep, tally: Tally): Promise<SyncEnd> {
  const device = world.device(step.node);
  const ends: (() => void)[] = [];
  const races = new Races(world, device, step.races, tally, ends);
  const before = device.proxy.faults();
  noteDoubts(world, step);
  try {
    const play = (): Promise<SyncEnd> =>
      step.kill === null ? inProcess(device, step, races) : inChild(device, step, races, tally);
    const end = await world.syncing(device, play, { hidden: mayHideEnds(step) });
    world.note(`${device.name}: sync ${describe(step)} → ${describeEnd(end)}`);
    return end;
  } finally {
    device.proxy.follow(undefined);
    await watchFiles(undefined);
    for (const end of ends.reverse()) end();
    tally.syncs += 1;
    tally.faults += device.proxy.faults() - before;
  }
}

/** Whether an object may arrive in the bucket without the device ever seeing that it did. */
function mayHideEnds({ faults, kill }: SyncStep): boolean {
  const hides = ({ method, fate }: Fault): boolean =>
    method === 'PUT' &&
    ((fate.type === 'error' && fate.when === 'after') ||
      (fate.type === 'cut' && (fate.at === 'reply' || fate.at === 'body')));
  return kill !== null || faults.some(hides);
}

function noteDoubts({ facts }: World, { faults, kill, rcloneDies }: SyncStep): void {
  if (faults.some(({ fate }) => fate.type === 'stale')) facts.doubt = true;
  if (faults.length > 0 || kill !== null || rcloneDies) facts.unsure = true;
}

async function inProcess(device: DeviceNode, step: SyncStep, races: Races): Promise<SyncEnd> {
  device.proxy.follow(scriptOf(step, races, () => killRclone(device)));
  await watchFiles((seen) => races.onFile(seen));
  return runSync(device, step, () => races.on({ type: 'plan' }));
}

/** One sync in this process, to its end. */
export async function runSync(
  device: DeviceNode,
  how: How,
  afterPlan: () => Promise<void> = () => Promise.resolve(),
): Promise<SyncEnd> {
  const options = await device.device.options(optionsOf(how));
  const s3 = createS3Client(options.access, 2);
  try {
    return { result: await device.device.sync(optionsOf(how), { afterPlan, s3, settledMs: 0 }) };
  } catch (error) {
    if (error instanceof LockHeldError) return { code: 'lock-held', message: error.message };
    if (!(error instanceof AbortError)) {
      return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    const { code, message, details } = error;
    const { planId } = details;
    return { code, message, ...(typeof planId === 'string' ? { planId } : {}) };
  }
}

async function inChild(
  device: DeviceNode,
  step: SyncStep,
  races: Races,
  tally: Tally,
): Promise<SyncEnd> {
  const { kill } = step;
  const more =
    kill?.type === 'step' ? { killAt: kill.nth } : kill?.type === 'file' ? { killAt: kill } : {};
  const child = await device.device.spawn(optionsOf(step), { hurried: true, ...more });
  const gone = once(child, 'close');
  const dies = async (): Promise<void> => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  races.around = async (act) => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      return act();
    }
    child.kill('SIGSTOP');
    while (!/^\d+ \(.*\) [TZX]/s.test(stateOf(child.pid))) await new Promise(setImmediate);
    await act();
    child.kill('SIGCONT');
  };
  const script = scriptOf(step, races, () => killRclone(device));
  const killing = async (seen: SeenRequest, when: 'before' | 'after'): Promise<void> => {
    if (kill?.type !== 'request' || kill.when !== when) return;
    if (kill.method === seen.method && kill.nth === seen.nth && child.signalCode === null) {
      await dies();
    }
  };
  device.proxy.follow({
    ...script,
    before: async (seen) => {
      await script.before?.(seen);
      await killing(seen, 'before');
    },
    after: async (seen) => {
      await script.after?.(seen);
      await killing(seen, 'after');
    },
  });
  let end: SyncEnd = {};
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const event = JSON.parse(line) as { type: string } & SyncEnd;
    if (event.type === 'result' || event.type === 'error') end = event;
  });
  await gone;
  if (child.signalCode === 'SIGKILL') {
    tally.kills += 1;
    device.disturbed = device.syncs + 1;
    // An rclone that outlives its sync reads only, but must not be met again by the next step.
    killRclone(device);
    return { killed: true };
  }
  return end;
}

/** What happens at which moment of a sync; each once. */
class Races {
  readonly #world: World;
  readonly #device: DeviceNode;
  readonly #node: number;
  readonly #waiting: { race: Race; left: number }[];
  readonly #tally: Tally;
  readonly #ends: (() => void)[];
  around: (act: () => Promise<void>) => Promise<void> = (act) => act();
  #busy = false;

  constructor(
    world: World,
    device: DeviceNode,
    races: readonly Race[],
    tally: Tally,
    ends: (() => void)[],
  ) {
    this.#world = world;
    this.#device = device;
    this.#node = world.devices.indexOf(device);
    this.#waiting = races.map((race) => ({
      race,
      left: race.at.type === 'plan' ? 0 : race.at.nth,
    }));
    this.#tally = tally;
    this.#ends = ends;
  }

  onFile({ operation, path, when }: SeenOperation): Promise<void> {
    const home = join(this.#device.device.root, '..');
    if (path !== undefined && !path.startsWith(`${home}/`)) return Promise.resolve();
    if (path?.includes('/state/') === true) return Promise.resolve();
    return this.on({ type: 'file', operation, when, nth: 0 });
  }

  async on(moment: Moment): Promise<void> {
    // What the acts themselves cause is no moment.
    if (this.#busy) return;
    const due = this.#waiting.filter(({ race }) => isSame(race.at, moment));
    for (const each of due) {
      if (each.left > 0) {
        each.left -= 1;
        continue;
      }
      this.#waiting.splice(this.#waiting.indexOf(each), 1);
      this.#busy = true;
      try {
        await this.around(() => this.#act(each.race));
      } finally {
        this.#busy = false;
      }
    }
  }

  async #act(race: Race): Promise<void> {
    this.#world.observe(this.#device);
    this.#world.note(`${this.#device.name}: during the sync, at ${JSON.stringify(race.at)}:`);
    this.#tally.races += 1;
    for (const each of race.edits) {
      const edit = 'node' in each && each.node === SELF ? { ...each, node: this.#node } : each;
      if (edit.type === 'swap-root') this.#ends.push(this.#device.swapRoot());
      else if (edit.type === 'other-sync') {
        const other = this.#world.device(edit.node);
        if (other === this.#device || other.isSwapped) continue;
        const how = { profile: 'fast', conflicts: 'newer' } as const;
        const end = await this.#world.syncing(other, () => runSync(other, how));
        this.#world.note(`${other.name}: sync → ${describeEnd(end)}`);
      } else await this.#world.edit(edit);
    }
  }
}

function isSame(at: Moment, now: Moment): boolean {
  const { nth: _at, ...a } = { nth: 0, ...at };
  const { nth: _now, ...b } = { nth: 0, ...now };
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(object: object): [string, unknown][] {
  return Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
}

function scriptOf(step: SyncStep, races: Races, rcloneEnds: () => void): ProxyScript {
  let lives = !step.rcloneDies;
  const at = ({ method }: SeenRequest, when: 'before' | 'after'): Promise<void> =>
    races.on({ type: 'request', method, nth: 0, when });
  return {
    before: async (seen) => {
      await at(seen, 'before');
      if (!lives && seen.method === 'LIST') {
        lives = true;
        rcloneEnds();
      }
    },
    fate: (seen) => fateOf(step.faults, seen),
    after: (seen) => at(seen, 'after'),
  };
}

function fateOf(faults: readonly Fault[], { method, nth }: SeenRequest): Fault['fate'] {
  const fault = faults.find(
    (each) =>
      each.method === method &&
      // A storage is late for a while, and rclone lists more than once.
      (each.nth === nth || each.fate.type === 'stale'),
  );
  return fault?.fate ?? { type: 'pass' };
}

function optionsOf({ profile, conflicts, full, approve }: How): Partial<BisyncOptions> {
  return { profile, conflicts, full, ...(approve === undefined ? {} : { approve }) };
}

/** The wrapper around rclone leaves its process id. */
function killRclone({ device }: DeviceNode): void {
  try {
    process.kill(Number(readFileSync(join(device.root, '..', 'rclone.pid'), 'utf8')), 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

function stateOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '0 () X';
  }
}

function describe({ profile, conflicts, full, kill, faults, rcloneDies }: SyncStep): string {
  const how = full === true ? ['full'] : [];
  const parts = [profile, conflicts, ...how, ...faults.map((fault) => JSON.stringify(fault))];
  if (kill !== null) parts.push(`kill ${JSON.stringify(kill)}`);
  if (rcloneDies) parts.push('rclone dies');
  return parts.join(' ');
}

function describeEnd({ result, code, message, killed }: SyncEnd): string {
  if (killed === true) return 'killed';
  if (result === undefined) return `${code ?? 'unknown'}: ${message ?? ''}`;
  const { counts, conflicts, problems, movedOn, exitCode } = result;
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return JSON.stringify({
    ...{ exitCode, ...Object.fromEntries(some) },
    ...(conflicts.length > 0 ? { conflicts } : {}),
    ...(problems.length > 0 ? { problems } : {}),
    ...(movedOn.length > 0 ? { movedOn } : {}),
  });
}
