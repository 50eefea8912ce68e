import type { BisyncResult } from '../../../../src/bisync/result.ts';
import { runSync } from './sync-step.ts';
import type { DeviceNode } from './device-node.ts';
import { unexplained } from './dropbox-model.ts';
import type { World } from './world.ts';

/**
 * Before a sync during which nobody else acts: what must be so after it (Balasubramaniam and Pierce).
 * What was equal on both sides is not touched, even if the storage fails or a listing is stale; a run
 * that says that all is well leaves both sides equal.
 */
export async function watchQuietSync(
  world: World,
  device: DeviceNode,
): Promise<(result: BisyncResult | undefined) => Promise<void>> {
  const there = await world.observeBucket();
  const equal = new Map(
    [...device.files()]
      .filter(([path, text]) => there.get(path) === text)
      .map(([path]) => [path, device.inode(path)]),
  );
  const written: string[] = [];
  const stop = world.store.requests.listen(({ operation, key, status }) => {
    // What the condition of a write refuses has touched nothing: it is what a stale listing comes to.
    if (status >= 400 || key === undefined) return;
    if (/^(Put|Copy|Delete)Object$/.test(operation)) written.push(key);
  });
  return async (result) => {
    stop();
    for (const [path, inode] of equal) {
      if (written.includes(path)) world.violation(`untouched: ${path} was equal and was written`);
      if (device.inode(path) !== inode)
        world.violation(`untouched: ${path} was equal and replaced`);
    }
    if (result?.exitCode !== 0) return;
    const now = await world.observeBucket();
    const here = device.files();
    for (const path of new Set([...now.keys(), ...here.keys()])) {
      if (now.get(path) !== here.get(path)) {
        world.violation(`propagated: ${path} differs after a sync of ${device.name} that says 0`);
      }
    }
  };
}

/**
 * A conflict between two values of which one was written over the other in full knowledge. Not where
 * the device had another one meanwhile, nor where it may have sent the one and somebody else wrote the
 * other before it could see that it had arrived.
 */
export function checkSpurious(
  world: World,
  device: DeviceNode,
  result: BisyncResult | undefined,
): void {
  if (world.facts.doubt) return;
  const conflicts = result?.conflicts ?? [];
  const valueAt = (path: string): number[] => {
    const value = world.known(device.read(path), `${device.name}:${path}`);
    return value === undefined ? [] : [value];
  };
  for (const { path, copy } of conflicts) {
    // Several in one run: each was with one of the others, or with what has the name now.
    const same = conflicts.filter((each) => each.path === path).map((each) => each.copy);
    const now = [path, ...same.filter((each) => each !== copy)].flatMap(valueAt);
    for (const value of valueAt(copy)) {
      const had = [...(device.seen.get(path) ?? [])].filter((each) => each !== value);
      const others = [...now, ...had];
      const known = others.filter((other) => isKnowing(world, device, value, other));
      if (known.length === 0 || known.length < others.length || known.includes(value)) continue;
      const both = [value, ...known].map((each) => world.values.describe(each)).join(' and ');
      world.violation(`spurious: a conflict of ${path} on ${device.name} between ${both}`);
    }
  }
}

function isKnowing({ values }: World, device: DeviceNode, a: number, b: number): boolean {
  const overUnseen = (later: number, earlier: number): boolean =>
    device.sent.has(earlier) && !values.isOf(later, device.name);
  return (
    (values.descends(a, b) && !overUnseen(a, b)) || (values.descends(b, a) && !overUnseen(b, a))
  );
}

/** When all is quiet: nothing is lost, all sides are equal, and another round does nothing. */
export async function checkEnd(world: World): Promise<void> {
  const live = await world.observeBucket();
  for (const device of world.devices) {
    world.observe(device);
    const here = device.files();
    for (const path of new Set([...live.keys(), ...here.keys()])) {
      if (live.get(path) === here.get(path)) continue;
      const [there, mine] = [live.get(path)?.slice(0, 6), here.get(path)?.slice(0, 6)];
      world.violation(`unequal: ${path} is ${there} in the bucket and ${mine} on ${device.name}`);
    }
    for (const path of device.leftovers()) world.violation(`left over: ${path} on ${device.name}`);
  }
  await checkLineage(world, live);
  await checkIdle(world, live);
}

async function checkLineage(world: World, live: ReadonlyMap<string, string>): Promise<void> {
  const { values, facts } = world;
  const present = new Set([...live.values()].map((text) => values.idOf(text)));
  const trash = new Set<number | undefined>();
  for (const { device } of world.devices) {
    for (const text of await device.trash()) trash.add(values.idOf(text));
  }
  for (const { id, tooLate } of values.all.values()) {
    if (values.superseded.has(id) || present.has(id)) continue;
    if (trash.has(id) && tooLate) continue;
    const where = trash.has(id) ? 'only in a trash' : 'nowhere';
    world.violation(`lost: ${values.describe(id)} is ${where}`);
  }
  if (facts.doubt || facts.unsure) return;
  for (const [path, text] of live) {
    const id = values.idOf(text);
    if (id !== undefined && values.superseded.get(id)?.has(path) === true) {
      world.violation(`back again: ${path} is ${values.describe(id)}, which was replaced there`);
    }
  }
}

async function checkIdle(world: World, live: ReadonlyMap<string, string>): Promise<void> {
  const writes: string[] = [];
  const stop = world.store.requests.listen(({ operation, key }) => {
    if (!/^(Get|Head|List)/.test(operation)) writes.push(`${operation} ${key ?? ''}`);
  });
  for (const device of world.devices) {
    const inodes = new Map([...live.keys()].map((path) => [path, device.inode(path)]));
    await runSync(device, { profile: 'fast', conflicts: 'newer' });
    for (const [path, inode] of inodes) {
      if (device.inode(path) !== inode) world.violation(`idle: ${path} was replaced without cause`);
    }
  }
  stop();
  if (writes.length > 0)
    world.violation(`idle: a sync with nothing to do sent ${writes.join(', ')}`);
}

/** What was seen of this path, up to the quiet end, has an explanation in the Dropbox model. */
export async function checkExplained(world: World, path: string): Promise<void> {
  const live = await world.observeBucket();
  const idAt = (text: string | undefined): number | undefined => world.known(text, 'bucket');
  const conflicts = [...live].flatMap(([key, text]) => (key === path ? [] : (idAt(text) ?? [])));
  const value = idAt(live.get(path)) ?? null;
  const what = unexplained(world.devices.length, [
    ...world.observations,
    { type: 'stable', value, conflicts },
  ]);
  if (what !== undefined) world.violation(`unexplained: ${what}`);
}
