import { dirname } from 'node:path';
import type { TestBucket } from '../../../support/devices.ts';
import { BucketNode } from './bucket-node.ts';
import type { DeviceNode } from './device-node.ts';
import type { Observation } from './dropbox-model.ts';
import { CLOUD, type Edit } from './steps.ts';
import { textOf, Values } from './values.ts';

/** An edit that needs no sync around it. */
type PlainEdit = Exclude<Edit, { type: 'swap-root' | 'other-sync' }>;

/** What happened, for a failure's message and for the oracles. */
export interface Facts {
  /** A listing was stale or state was lost: what is old may come back, both versions may be kept. */
  doubt: boolean;
  /** A process died or an end was never seen: an object may come back after its delete. */
  unsure: boolean;
  violations: string[];
  history: string[];
}

/** The devices, the bucket, and what is known about every value. */
export class World {
  readonly values = new Values();
  readonly facts: Facts = { doubt: false, unsure: false, violations: [], history: [] };
  readonly devices: readonly DeviceNode[];
  readonly bucket: BucketNode;
  readonly store: TestBucket['store'];
  readonly hostile = new Set<string>();
  /** What was seen of one path, for the Dropbox model. */
  readonly observations: Observation[] = [];
  observedPath: string | undefined;

  constructor(bucket: TestBucket, devices: readonly DeviceNode[]) {
    this.bucket = new BucketNode(bucket);
    this.store = bucket.store;
    this.devices = devices;
  }

  device(node: number): DeviceNode {
    return this.devices[node % this.devices.length]!;
  }

  /** Around each sync, so that it is known when a node can have moved anything. */
  async syncing<T extends { killed?: boolean }>(
    device: DeviceNode,
    run: () => Promise<T>,
    { hidden = false } = {},
  ): Promise<T> {
    const node = this.devices.indexOf(device);
    this.observations.push({ type: 'sync-begins', node, hidden });
    device.seen.clear();
    this.observe(device);
    let killed = false;
    try {
      const end = await run();
      killed = end.killed === true;
      return end;
    } finally {
      this.observations.push({ type: 'sync-ends', node, killed });
      if (hidden) this.#maySend(device);
      device.syncs += 1;
    }
  }

  #maySend(device: DeviceNode): void {
    for (const id of [...device.seen.values()].flatMap((ids) => [...ids])) {
      if (this.values.isOf(id, device.name)) device.sent.add(id);
    }
  }

  #observed(device: DeviceNode | undefined, path: string, value?: number, old?: number): void {
    if (path !== this.observedPath) return;
    const content = { value: value ?? null, old: old ?? null };
    this.observations.push(
      device === undefined
        ? { type: 'write-global', ...content }
        : { type: 'write', node: this.devices.indexOf(device), ...content },
    );
  }

  violation(text: string): void {
    if (!this.facts.violations.includes(text)) this.facts.violations.push(text);
  }

  note(text: string): void {
    this.facts.history.push(text);
  }

  /** Undefined for none; what is no whole value is a violation. */
  known(text: string | undefined, where: string): number | undefined {
    if (text === undefined) return undefined;
    const id = this.values.idOf(text);
    if (id === undefined) {
      const shown = JSON.stringify(text.slice(0, 60));
      this.violation(`torn: ${where} holds ${text.length} bytes that nobody wrote: ${shown}`);
    }
    return id;
  }

  /** Nothing but whole values is to be seen, at any time. */
  observe(device: DeviceNode): void {
    for (const [path, text] of device.files()) {
      const id = this.known(text, `${device.name}:${path}`);
      if (id === undefined) continue;
      device.seen.set(path, (device.seen.get(path) ?? new Set()).add(id));
    }
    for (const what of device.intrusions()) {
      this.violation(`outside: ${what} beside the root of ${device.name}`);
    }
  }

  async observeBucket(): Promise<Map<string, string>> {
    const all = await this.bucket.all();
    for (const key of this.hostile) all.delete(key);
    for (const [key, text] of all) this.known(text, `bucket:${key}`);
    return all;
  }

  async edit(edit: PlainEdit): Promise<void> {
    if (edit.type === 'hostile') {
      this.hostile.add(edit.key);
      this.note(`bucket: an object with the key ${edit.key}`);
      return this.bucket.force(edit.key, 'evil');
    }
    if (edit.node === CLOUD) return this.#editBucket(edit);
    const device = this.device(edit.node);
    if (!device.isSwapped) this.#editDevice(device, edit);
  }

  async #editBucket(edit: PlainEdit): Promise<void> {
    if (edit.type !== 'write' && edit.type !== 'remove') return;
    const { path } = edit;
    for (;;) {
      const seen = await this.bucket.read(path);
      const before = this.known(seen?.text, `bucket:${path}`);
      if (edit.type === 'remove') {
        if (seen === undefined) return;
        if (!(await this.bucket.remove(path, seen))) continue;
        this.note(`bucket: delete ${path} (${before ?? '?'})`);
        this.#observed(undefined, path, undefined, before);
      } else {
        const value = this.values.create(edit.size, [before], `bucket:${path}`);
        const text = textOf(value);
        const done =
          edit.how === 'multipart'
            ? await this.bucket.writeInParts(path, text, seen)
            : await this.bucket.write(path, text, seen);
        if (!done) {
          this.values.all.delete(value.id);
          continue;
        }
        this.note(`bucket: ${path} = ${value.id} over ${before ?? 'nothing'} (${edit.how})`);
        this.#observed(undefined, path, value.id, before);
      }
      this.values.supersede(before, path);
      return;
    }
  }

  #editDevice(device: DeviceNode, edit: Exclude<PlainEdit, { type: 'hostile' }>): void {
    switch (edit.type) {
      case 'write': {
        this.#write(device, edit);
        return;
      }
      case 'remove': {
        this.#remove(device, edit.path);
        return;
      }
      case 'read': {
        const value = this.known(device.read(edit.path), `${device.name}:${edit.path}`) ?? null;
        this.observations.push({ type: 'read', node: this.devices.indexOf(device), value });
        return;
      }
      case 'move': {
        this.#move(device, edit.path, edit.to);
        return;
      }
      case 'move-folder': {
        this.#moveFolder(device, edit.from, edit.to);
        return;
      }
      case 'hold':
        if (device.read(edit.path) === undefined) return;
        this.note(`${device.name}: a program opens ${edit.path}`);
        device.hold(edit.path);
        return;
      case 'late': {
        this.#lateWrites(device);
        return;
      }
      case 'symlink': {
        this.#symlink(device);
        return;
      }
    }
  }

  #write(device: DeviceNode, { path, how, size }: Extract<Edit, { type: 'write' }>): void {
    if (!device.isReachable(path)) return;
    const seen = device.read(path);
    const before = this.known(seen, `${device.name}:${path}`);
    const inPlace = how !== 'save' && seen !== undefined;
    const value = this.values.create(
      inPlace ? seen.length : size,
      [before],
      `${device.name}:${path}`,
    );
    if (inPlace) device.overwrite(path, textOf(value), { keepTime: how === 'keep-time' });
    else device.save(path, textOf(value));
    this.values.supersede(before, path);
    this.#observed(device, path, value.id, before);
    this.note(`${device.name}: ${path} = ${value.id} over ${before ?? 'nothing'} (${how})`);
  }

  #remove(device: DeviceNode, path: string): void {
    const before = this.known(device.read(path), `${device.name}:${path}`);
    if (before === undefined) return;
    device.remove(path);
    this.values.supersede(before, path);
    this.#observed(device, path, undefined, before);
    this.note(`${device.name}: delete ${path} (${before})`);
  }

  #move(device: DeviceNode, path: string, to: string): void {
    const moved = this.known(device.read(path), `${device.name}:${path}`);
    if (moved === undefined || path === to || !device.isReachable(to)) return;
    const over = this.known(device.read(to), `${device.name}:${to}`);
    device.move(path, to);
    this.values.supersede(over, to);
    this.values.revive(moved, to);
    this.note(`${device.name}: move ${path} (${moved}) to ${to} over ${over ?? 'nothing'}`);
  }

  #moveFolder(device: DeviceNode, from: string, to: string): void {
    const files = device.paths().filter((path) => dirname(path) === from);
    const taken = device.paths().some((path) => dirname(path) === to);
    if (files.length === 0 || from === to || taken || device.isSymlinked(to)) return;
    for (const path of files) this.#move(device, path, `${to}/${path.slice(from.length + 1)}`);
  }

  #lateWrites(device: DeviceNode): void {
    for (const held of device.held) {
      // The system forgets what is written to a file without a name.
      if (!device.hasName(held)) {
        device.letGo(held);
        continue;
      }
      const text = device.textOfHeld(held);
      const before = this.known(text, `${device.name}: open ${held.path}`);
      const value = this.values.create(text.length, [before], `${device.name}: late ${held.path}`);
      value.tooLate = device.syncs - held.since > 1 || device.disturbed > held.since;
      device.letGo(held, textOf(value));
      this.values.supersede(before, held.path);
      this.note(`${device.name}: late ${held.path} = ${value.id} over ${before ?? '?'}`);
    }
  }

  #symlink(device: DeviceNode): void {
    if (device.isSymlinked('dir')) return;
    for (const path of device.paths()) if (dirname(path) === 'dir') this.#remove(device, path);
    device.clearFolder('dir');
    device.symlinkOutside('dir');
    this.note(`${device.name}: dir becomes a symlink`);
  }
}
