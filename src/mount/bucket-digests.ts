import type { ListedObject } from '../s3/list.ts';
import { foldersAbove } from './changed-folders.ts';

/** Of what a folder lists: 64 bits, in two halves. */
interface Digest {
  high: number;
  low: number;
}

/** What a look at the whole bucket found. */
export interface BucketLook {
  /** Folders that list something else than at the look before, `''` being the root; at first, all. */
  changed: string[];
  objects: number;
}

/**
 * Which folders of a bucket list something else than before, from one listing of all its objects
 * after the other. Remembers a few bytes a folder, however many objects there are.
 */
export class BucketDigests {
  #folders = new Map<string, Digest>();

  /** Those that there were at the last look. */
  get folders(): string[] {
    return [...this.#folders.keys()];
  }

  /**
   * @param objects all of the bucket, in the order of their keys; own objects at its top do not show
   *   in a mount and are left out
   * @throws what the listing throws; nothing is remembered of a look that was cut short
   */
  async look(objects: AsyncIterable<ListedObject>): Promise<BucketLook> {
    const found = new Map<string, Digest>([['', { high: 0, low: 0 }]]);
    let count = 0;
    for await (const { key, size, etag } of objects) {
      count += 1;
      if (key.startsWith('.cloud-')) continue;
      const [nearest = '', ...above] = foldersAbove(key);
      if (!found.has(nearest)) addFolders(found, [nearest, ...above]);
      mix(found.get(nearest), `${key}\n${size}\n${etag}`);
    }
    const before = this.#folders;
    this.#folders = found;
    const gone = [...before.keys()].filter((folder) => !found.has(folder));
    const others = [...found].filter(([folder, { high, low }]) => {
      const known = before.get(folder);
      return known?.high !== high || known.low !== low;
    });
    return { changed: [...others.map(([folder]) => folder), ...gone], objects: count };
  }
}

/** From the root down: a folder is part of what the one above it lists. */
function addFolders(found: Map<string, Digest>, folders: readonly string[]): void {
  for (const [index, folder] of [...folders.entries()].reverse()) {
    if (found.has(folder)) continue;
    found.set(folder, { high: 0, low: 0 });
    mix(found.get(folders[index + 1] ?? ''), `${folder}/`);
  }
}

/** Two rounds of FNV-1a with different primes: nobody has a reason to make them collide. */
function mix(digest: Digest | undefined, text: string): void {
  if (digest === undefined) return;
  let { high, low } = digest;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low ^ code, 0x85ebca6b);
  }
  digest.high = high ^ (low >>> 13);
  digest.low = low ^ (high >>> 11);
}
