/**
 * The model of Hughes, Pierce, Arts and Norell, *Mysteries of Dropbox* (ICST 2016), for one file. What
 * nodes see must be explained by hidden steps: a node uploads (UP) or downloads (DOWN). Here a hidden
 * step of a node happens only while it syncs. Five rules are ours: an edit wins against a delete; in a
 * conflict either version may keep the name; the copy of the bucket's version is there before the
 * name changes hands, so that somebody who writes in between leaves one copy more; a sync that is
 * killed may leave the name without its file until the next one of that node, which puts the file back,
 * or, if it was nowhere else and the name is taken or was about to be given away, makes it a copy; and
 * a node that is killed or does not hear the end of its upload does not know of it, so that somebody who
 * writes over that leaves a conflict.
 */
export type Observation =
  | { type: 'read'; node: number; value: Content }
  | { type: 'write'; node: number; value: Content; old: Content }
  /** A write to the bucket itself, by somebody who has just read it. */
  | { type: 'write-global'; value: Content; old: Content }
  /** `hidden`: an upload in it may have an end that the node does not hear of. */
  | { type: 'sync-begins'; node: number; hidden?: boolean }
  | { type: 'sync-ends'; node: number; killed?: boolean }
  | { type: 'stable'; value: Content; conflicts: number[] };
/** The number of a value; null: there is no file. */
export type Content = number | null;

interface Node {
  local: Content;
  /** Has seen the newest. */
  fresh: boolean;
  /** Has nothing to upload. */
  clean: boolean;
  syncing: boolean;
  /** The end of what it uploads in this sync may stay unknown to it. */
  hidden: boolean;
  /** Its last sync was killed, perhaps while the name had no file. */
  cut: boolean;
  /** The file that a kill left without its name, and whether it had nothing to upload. */
  missing: { value: number; clean: boolean } | null;
}

interface State {
  global: Content;
  conflicts: number[];
  nodes: Node[];
}

/** Undefined when some order of hidden steps explains everything; else what cannot be explained. */
export function unexplained(
  nodes: number,
  observations: readonly Observation[],
): string | undefined {
  const node: Node = {
    ...{ local: null, fresh: true, clean: true },
    ...{ syncing: false, hidden: false, cut: false, missing: null },
  };
  const start: State = {
    ...{ global: null, conflicts: [] },
    nodes: Array.from({ length: nodes }, () => ({ ...node })),
  };
  let states = new Map([[JSON.stringify(start), start]]);
  for (const [index, observation] of observations.entries()) {
    const next = new Map<string, State>();
    for (const state of closure(states).values()) {
      const after = observe(state, observation);
      if (after !== undefined) next.set(JSON.stringify(after), after);
    }
    if (next.size === 0) {
      const before = observations.slice(0, index + 1).map((each) => JSON.stringify(each));
      return `no order of uploads and downloads explains ${before.join(' ')}`;
    }
    states = next;
  }
  return undefined;
}

/** Everything that hidden steps can make of these states. */
function closure(states: ReadonlyMap<string, State>): Map<string, State> {
  const all = new Map(states);
  for (const state of all.values()) {
    for (let index = 0; index < state.nodes.length; index += 1) {
      for (const next of hiddenSteps(state, index)) {
        const key = JSON.stringify(next);
        if (!all.has(key)) all.set(key, next);
      }
    }
  }
  return all;
}

function hiddenSteps(state: State, index: number): State[] {
  const { local, fresh, clean, syncing, hidden, cut, missing } = state.nodes[index]!;
  if (!syncing) {
    // Only what gives way to something newer is moved.
    if (!cut || fresh || local === null || missing !== null) return [];
    return [withNode(state, index, { local: null, cut: false, missing: { value: local, clean } })];
  }
  if (missing !== null) return ends(state, index, missing);
  if (clean) {
    return fresh ? [] : [withNode(state, index, { local: state.global, fresh: true })];
  }
  const done = { fresh: true, clean: true };
  const { global } = state;
  if (local === global) return [withNode(state, index, done)];
  const sent = { ...stale(state), global: local };
  const published = withNode(sent, index, done);
  const unheard = hidden ? [withNode(sent, index, { fresh: true })] : [];
  if (fresh) return [published, ...unheard];
  const given = withNode(state, index, { clean: true });
  // A delete gives way to what it had not seen, and so does nothing to an edit.
  if (local === null) return [given];
  if (global === null) return [published, ...unheard];
  const overwritten = [published, ...unheard].map((each) => withConflict(each, global));
  return [withConflict(given, local), ...overwritten, withConflict(state, global)];
}

/** How a node finds again what a kill had left without its name. */
function ends(
  state: State,
  index: number,
  { value, clean }: NonNullable<Node['missing']>,
): State[] {
  const found = { missing: null };
  const asCopy = (change: Partial<Node>): State =>
    withConflict(withNode(state, index, { ...found, ...change }), value);
  if (state.nodes[index]!.local !== null) {
    return [clean ? withNode(state, index, found) : asCopy({})];
  }
  const back = withNode(state, index, { ...found, local: value, clean });
  return clean ? [back] : [back, asCopy({ clean: true, fresh: false })];
}

function withNode(state: State, index: number, change: Partial<Node>): State {
  const nodes = state.nodes.map((node, at) => (at === index ? { ...node, ...change } : node));
  return { ...state, nodes };
}

function stale(state: State): State {
  return { ...state, nodes: state.nodes.map((node) => ({ ...node, fresh: false })) };
}

function withConflict(state: State, value: number): State {
  if (state.conflicts.includes(value)) return state;
  return { ...state, conflicts: [...state.conflicts, value].sort((a, b) => a - b) };
}

/** The state after it, or undefined where it cannot be observed. */
function observe(state: State, seen: Observation): State | undefined {
  switch (seen.type) {
    case 'read':
      return state.nodes[seen.node]!.local === seen.value ? state : undefined;
    case 'write':
      if (state.nodes[seen.node]!.local !== seen.old) return undefined;
      return withNode(state, seen.node, { local: seen.value, clean: false });
    case 'write-global':
      return state.global === seen.old ? { ...stale(state), global: seen.value } : undefined;
    case 'sync-begins':
      return withNode(state, seen.node, {
        ...{ syncing: true, cut: false },
        hidden: seen.hidden === true,
      });
    case 'sync-ends':
      return withNode(state, seen.node, { syncing: false, cut: seen.killed === true });
    case 'stable': {
      const quiet = state.nodes.every(
        ({ local, clean, missing }) => clean && local === seen.value && missing === null,
      );
      const conflicts = seen.conflicts.toSorted((a, b) => a - b);
      const same = JSON.stringify(conflicts) === JSON.stringify(state.conflicts);
      return quiet && same && state.global === seen.value ? state : undefined;
    }
  }
}
