import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bucket } from './bucket.ts';
import { listTree, treeChecksums } from './tree.ts';

/** What the demo proves, said as it is proved. */
export class Proofs {
  #held = 0;
  #broken: string[] = [];

  get allHold(): boolean {
    return this.#broken.length === 0 && this.#held > 0;
  }

  holds(claim: string, truth: boolean): void {
    console.log(`  ${truth ? '✓' : '✗'} ${claim}`);
    if (truth) this.#held += 1;
    else this.#broken.push(claim);
  }

  equalMaps(claim: string, here: Map<string, string>, there: Map<string, string>): void {
    const differing = [...new Set([...here.keys(), ...there.keys()])].filter(
      (path) => here.get(path) !== there.get(path),
    );
    for (const path of differing.slice(0, 10)) {
      console.log(
        `    differs: ${path} (here ${here.get(path) ?? 'absent'}, there ${there.get(path) ?? 'absent'})`,
      );
    }
    this.holds(
      `${claim}: ${here.size} files, checksums equal`,
      differing.length === 0 && here.size > 0,
    );
  }

  async sameTree(when: string, folder: string, bucket: Bucket, files?: number): Promise<void> {
    const here = await treeChecksums(folder);
    this.equalMaps(`folder and bucket are the same ${when}`, here, await bucket.checksums());
    if (files !== undefined) this.holds(`all ${files} files are there`, here.size === files);
  }

  async hasTexts(claim: string, folder: string, texts: readonly string[]): Promise<void> {
    const found = new Set<string>();
    for (const path of await listTree(folder)) {
      const text = await readFile(join(folder, path), 'utf8');
      if (texts.includes(text)) found.add(text);
    }
    this.holds(claim, found.size === texts.length);
  }

  async noSecretIn(what: string, folder: string, secrets: readonly string[]): Promise<void> {
    let files = 0;
    let found = 0;
    for await (const entry of glob('**/*', { cwd: folder, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      files += 1;
      const bytes = await readFile(join(entry.parentPath, entry.name));
      if (secrets.some((secret) => bytes.includes(secret))) found += 1;
    }
    this.holds(`${files} ${what} hold no key in clear`, found === 0 && files > 0);
  }

  summary(cutShort: boolean): string {
    if (cutShort) return `\n${this.#held} proofs held until then.`;
    if (this.allHold) return `\nAll ${this.#held} proofs hold.`;
    return `\n${this.#held} proofs hold, ${this.#broken.length} do not:\n${this.#broken.map((claim) => `  ✗ ${claim}`).join('\n')}`;
  }
}
