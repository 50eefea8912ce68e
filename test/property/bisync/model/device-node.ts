import {
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Device } from '../../../support/devices.ts';
import type { FaultProxy } from '../../../support/fault-proxy.ts';

/** A file that a program has open. */
export interface Held {
  fd: number;
  path: string;
  /** Syncs of the device until then. */
  since: number;
}

/**
 * What programs do to the files of one device. Each act is one turn of the event loop, so that what
 * was read is what is replaced, whatever a sync in this process is doing.
 */
export class DeviceNode {
  readonly name: string;
  readonly device: Device;
  readonly proxy: FaultProxy;
  /** Beside the root; must stay as it is. */
  readonly outside: string;
  held: Held[] = [];
  /** Another folder stands where the root was: no program finds its files now. */
  isSwapped = false;
  syncs = 0;
  /** Path → values that it was seen to have since the last sync began. */
  readonly seen = new Map<string, Set<number>>();
  /** Values of its own that it may have sent without ever seeing that they arrived. */
  readonly sent = new Set<number>();
  /** `syncs` after one that did not come to its end. */
  disturbed = 0;
  #aside = 0;

  constructor(name: string, device: Device, proxy: FaultProxy) {
    this.name = name;
    this.device = device;
    this.proxy = proxy;
    this.outside = join(dirname(device.root), 'outside');
    mkdirSync(this.outside);
    for (const file of ['c.md', 'd.md']) writeFileSync(join(this.outside, file), 'outside');
  }

  at(path: string): string {
    return join(this.device.root, path);
  }

  read(path: string): string | undefined {
    try {
      if (lstatSync(dirname(this.at(path))).isSymbolicLink()) return undefined;
      return readFileSync(this.at(path), 'utf8');
    } catch {
      return undefined;
    }
  }

  inode(path: string): bigint | undefined {
    return lstatSync(this.at(path), { bigint: true, throwIfNoEntry: false })?.ino;
  }

  /** Whether a program could write there: no file or symlink stands where a folder is needed. */
  isReachable(path: string): boolean {
    const folder = lstatSync(dirname(this.at(path)), { throwIfNoEntry: false });
    const file = lstatSync(this.at(path), { throwIfNoEntry: false });
    return (folder?.isDirectory() ?? true) && (file?.isFile() ?? true);
  }

  /** As editors save: a new file takes the name. */
  save(path: string, text: string): void {
    const target = this.at(path);
    mkdirSync(dirname(target), { recursive: true });
    const draft = join(dirname(this.device.root), `draft-${(this.#aside += 1)}`);
    writeFileSync(draft, text);
    if (existsSync(target)) renameSync(draft, target);
    else {
      linkSync(draft, target);
      rmSync(draft);
    }
  }

  /** The same inode and size, in one write, as databases do. */
  overwrite(path: string, text: string, options: { keepTime: boolean }): void {
    const fd = openSync(this.at(path), 'r+');
    const { atimeMs, mtimeMs } = fstatSync(fd);
    rewrite(fd, text, () => {
      if (options.keepTime) utimesSync(this.at(path), atimeMs / 1000, mtimeMs / 1000);
    });
    closeSync(fd);
  }

  remove(path: string): void {
    rmSync(this.at(path));
  }

  move(path: string, to: string): void {
    mkdirSync(dirname(this.at(to)), { recursive: true });
    renameSync(this.at(path), this.at(to));
  }

  hold(path: string): void {
    this.held.push({ fd: openSync(this.at(path), 'r+'), path, since: this.syncs });
  }

  /** Closes what a program held open, after it wrote `text` where given. */
  letGo(held: Held, text?: string): void {
    if (text !== undefined) rewrite(held.fd, text);
    closeSync(held.fd);
    this.held = this.held.filter((each) => each !== held);
  }

  hasName({ fd }: Held): boolean {
    return fstatSync(fd).nlink > 0;
  }

  textOfHeld({ fd }: Held): string {
    const body = Buffer.alloc(fstatSync(fd).size);
    return body.subarray(0, readSync(fd, body, 0, body.length, 0)).toString();
  }

  isSymlinked(folder: string): boolean {
    return lstatSync(this.at(folder), { throwIfNoEntry: false })?.isSymbolicLink() === true;
  }

  /** What is still in a folder goes with it. */
  clearFolder(folder: string): void {
    rmSync(this.at(folder), { recursive: true, force: true });
  }

  symlinkOutside(folder: string): void {
    symlinkSync(this.outside, this.at(folder));
  }

  removeSymlink(folder: string): void {
    if (this.isSymlinked(folder)) rmSync(this.at(folder));
  }

  /** Puts everything in the root, or another root, out of sight; the result brings it back. */
  hide(paths: readonly string[]): () => void {
    const store = join(dirname(this.device.root), `hidden-${(this.#aside += 1)}`);
    for (const path of paths) {
      mkdirSync(dirname(join(store, path)), { recursive: true });
      renameSync(this.at(path), join(store, path));
    }
    return () => {
      for (const path of paths) {
        mkdirSync(dirname(this.at(path)), { recursive: true });
        if (!existsSync(this.at(path))) renameSync(join(store, path), this.at(path));
      }
    };
  }

  /** Another, empty folder takes the place of the root until the result is called. */
  swapRoot(): () => void {
    const { root } = this.device;
    const [real, other] = [`${root}-real`, `${root}-other-${(this.#aside += 1)}`];
    if (this.isSwapped) return () => undefined;
    renameSync(root, real);
    mkdirSync(root);
    this.isSwapped = true;
    return () => {
      renameSync(root, other);
      renameSync(real, root);
      this.isSwapped = false;
    };
  }

  /** Present files without those of the product: path → text. */
  files(): Map<string, string> {
    const all = new Map<string, string>();
    for (const path of this.paths()) {
      const text = this.read(path);
      if (text !== undefined) all.set(path, text);
    }
    return all;
  }

  paths(): string[] {
    return this.#tree(this.device.root).filter(
      (path) => !path.split('/').some((name) => name.startsWith('.cloud-')),
    );
  }

  /** Temporary files of the product that lie in the root. */
  leftovers(): string[] {
    return this.#tree(this.device.root).filter((path) => path.includes('.cloud-tmp-'));
  }

  /** What lies beside the root although nothing of ours put it there, or was changed there. */
  intrusions(): string[] {
    const home = dirname(this.device.root);
    const ours = /^(folder|cloud|outside|draft-\d+|hidden-\d+|folder-.*|rclone.*|\..*)$/;
    const beside = readdirSync(home).filter((name) => !ours.test(name));
    const within = this.#tree(this.outside).filter(
      (path) => readFileSync(join(this.outside, path), 'utf8') !== 'outside',
    );
    return [...beside, ...within, ...(this.#tree(this.outside).length === 2 ? [] : ['outside'])];
  }

  #tree(folder: string): string[] {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  }
}

/** Until the file system's clock shows that something was written: it ticks every few milliseconds. */
function rewrite(fd: number, text: string, after: () => void = () => undefined): void {
  const { ctimeNs } = fstatSync(fd, { bigint: true });
  do {
    writeSync(fd, text, 0);
    after();
  } while (fstatSync(fd, { bigint: true }).ctimeNs === ctimeNs);
}
