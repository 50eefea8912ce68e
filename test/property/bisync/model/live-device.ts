import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { StreamItem } from '../../../../src/api/event-stream.ts';
import type { BisyncResult } from '../../../../src/bisync/result.ts';
import type { FlushResult } from '../../../../src/bisync/watch/watcher.ts';
import type { WatchOrder } from '../../../support/watch-child.ts';
import type { DeviceNode } from './device-node.ts';
import { checkSpurious } from './oracles.ts';
import { runSync } from './sync-step.ts';
import type { World } from './world.ts';

const CHILD = fileURLToPath(new URL('../../../support/watch-child.ts', import.meta.url));

interface Line {
  type: string;
  result?: FlushResult;
  code?: string;
  message?: string;
  via?: string;
  path?: string;
}

/** A device whose watcher runs all the time, in a process of its own. */
export class LiveDevice {
  readonly node: DeviceNode;
  /** Changes that took the lane. */
  byLane = 0;
  readonly #world: World;
  #child: ChildProcess | undefined;
  #ready: Promise<void> = Promise.resolve();
  #conflicts: Line[] = [];
  #flushing: ((line: Line) => void) | undefined;
  /** How it ended although nobody ended it; a restart is a person's answer. */
  #ended: Line | undefined;

  constructor(world: World, node: DeviceNode) {
    this.#world = world;
    this.node = node;
  }

  async start(): Promise<void> {
    const { device, name } = this.node;
    const options = await device.options({ profile: 'fast', conflicts: 'newer' });
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CHILD], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child = child;
    child.stdin.on('error', () => undefined);
    const { env } = device.host;
    child.stdin.write(`${JSON.stringify({ options, env, home: dirname(device.root) })}\n`);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#ready = promise;
    child.once('exit', () => {
      resolve(undefined);
      this.#flushing?.({ type: 'not-flushed', message: 'the watcher is gone' });
    });
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as Line;
      if (line.type === 'ready') resolve(undefined);
      else if (line.type === 'change' && line.via === 'lane') this.byLane += 1;
      else if (line.type === 'flushed' || line.type === 'not-flushed') this.#flushing?.(line);
      else if (line.type === 'conflict') this.#conflicts.push(line);
      else if (line.type === 'uploaded' || line.type === 'downloaded') this.#settled(line.path);
      else if (line.type === 'ended') this.#ended = line;
      if (['conflict', 'ended', 'uploaded', 'downloaded', 'deleted'].includes(line.type)) {
        this.#world.note(`${name} tells: ${text}`);
      }
    });
    await this.#ready;
  }

  /** What the event stream brings. */
  hear(item: StreamItem): void {
    this.#order({ type: 'item', item });
  }

  /** The watcher stands still meanwhile, so that what a program reads is what it replaces. */
  async standingStill(act: () => Promise<void>): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      return act();
    }
    child.kill('SIGSTOP');
    while (!/^\d+ \(.*\) [TZX]/s.test(stateOf(child.pid))) await new Promise(setImmediate);
    try {
      await act();
    } finally {
      child.kill('SIGCONT');
    }
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'close');
    child.kill('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'close');
    this.#order({ type: 'stop' });
    await gone;
  }

  /** Undefined when it could not. */
  async flush(): Promise<FlushResult | undefined> {
    if (this.#child?.exitCode !== null || this.#child.signalCode !== null) {
      this.#world.note(`${this.node.name}: starts again after ${this.#ended?.code ?? 'a kill'}`);
      if (this.#ended?.code?.startsWith('halted-') === true) await this.#approve();
      await this.start();
    }
    const { promise, resolve } = Promise.withResolvers<Line>();
    this.#flushing = resolve;
    this.#order({ type: 'flush' });
    const line = await promise;
    this.#flushing = undefined;
    this.#world.note(`${this.node.name}: flush → ${JSON.stringify(line)}`);
    return line.result;
  }

  /** A person looks at what would be deleted, and says yes. */
  async #approve(): Promise<void> {
    const calm = { profile: 'fast', conflicts: 'newer' } as const;
    const { planId: approve } = await runSync(this.node, calm);
    if (approve !== undefined) await runSync(this.node, { ...calm, approve });
  }

  /** Both versions have their names now; a conflict is told before that. */
  #settled(path: string | undefined): void {
    const now = this.#conflicts.filter((each) => each.path === path);
    this.#conflicts = this.#conflicts.filter((each) => each.path !== path);
    checkSpurious(this.#world, this.node, { conflicts: now } as unknown as BisyncResult);
  }

  #order(order: WatchOrder): void {
    this.#child?.stdin?.write(`${JSON.stringify(order)}\n`);
  }
}

function stateOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '0 () X';
  }
}
