interface Change {
  key: string;
  /** It was deleted, and perhaps its folder with it. */
  gone: boolean;
  etag?: string | undefined;
}

/** Beyond so many it is cheaper to compare everything. */
const MOST = 500;

/** Which listings are out of date, from the keys that changed. */
export class ChangedFolders {
  readonly #changes = new Map<string, Change>();
  #all = false;
  /** Folders that their parents' listings have: heard of before, and not emptied since. */
  readonly #known = new Set<string>(['']);

  get isEmpty(): boolean {
    return !this.#all && this.#changes.size === 0;
  }

  add(change: Change): void {
    this.#changes.set(change.key, change);
    if (this.#changes.size > MOST) this.addAll();
  }

  addAll(): void {
    this.#all = true;
    this.#changes.clear();
  }

  /**
   * The folders to forget, `''` being the root, or `all` for those that only a look can tell; nothing
   * is left afterwards.
   *
   * @param isKnown whether the mount has that version already
   */
  async take(
    isKnown: (key: string, etag: string) => Promise<boolean>,
  ): Promise<readonly string[] | 'all'> {
    const changes = [...this.#changes.values()];
    this.#changes.clear();
    if (this.#all) {
      this.#all = false;
      return 'all';
    }
    const folders = new Set<string>();
    for (const { key, gone, etag } of changes) {
      // Its parents list it already: the mount made it.
      if (!gone && etag !== undefined && (await isKnown(key, etag))) this.#learn(key);
      else for (const folder of this.#touched(key, gone)) folders.add(folder);
    }
    return [...folders];
  }

  /** The object's folder, and those above whose listings may have gained or lost one. */
  #touched(key: string, gone: boolean): string[] {
    const [nearest = '', ...above] = foldersAbove(key);
    if (gone) {
      for (const folder of [nearest, ...above]) if (folder !== '') this.#known.delete(folder);
      return [nearest, ...above];
    }
    const firstKnown = [nearest, ...above].findIndex((folder) => this.#known.has(folder));
    this.#learn(key);
    return [nearest, ...above].slice(0, firstKnown + 1);
  }

  #learn(key: string): void {
    for (const folder of foldersAbove(key)) this.#known.add(folder);
  }
}

/** `a/b/c.txt` → `a/b`, `a`, `` (the root). */
export function foldersAbove(key: string): string[] {
  const parts = key.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('/')).concat('');
}
