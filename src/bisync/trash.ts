import { lstat, mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isErrno, replaceFile } from '../platform/atomic-file.ts';
import { OWN_PREFIX } from './filters/own-files.ts';
import type { Journal } from './journal.ts';

/** The trash folder beside a file that the pair's own trash cannot take. */
export const TRASH_BESIDE = `${OWN_PREFIX}trash`;

/** Where one run moves what it replaces or deletes in the local root. Nothing in it is overwritten. */
export class Trash {
  readonly #folder: string;
  readonly #runId: string;

  /** @param folder the pair's trash, preferably on the file system of the local root */
  constructor(folder: string, runId: string) {
    this.#folder = folder;
    this.#runId = runId;
  }

  /**
   * Moves the file at `target` into the trash by a rename, so that it is one file at each moment
   * and a program that has it open goes on writing into the trash. The journal knows first.
   *
   * @param key its path in the pair
   * @param what its MD5 as it should be, and whether that is the agreed version
   * @returns where it is now, or undefined when there is nothing at `target`
   */
  async take(
    key: string,
    target: string,
    what: { md5: string; agreed: boolean },
    journal: Journal,
  ): Promise<string | undefined> {
    const places = [
      join(this.#folder, this.#runId, key),
      // Another file system: the trash is a hidden folder beside the file, left out by the filters.
      join(dirname(target), TRASH_BESIDE, this.#runId, basename(target)),
    ];
    for (const place of places) {
      try {
        await mkdir(dirname(place), { recursive: true, mode: 0o700 });
        const aside = await freeName(place);
        await journal.write({ type: 'aside', path: key, aside, ...what });
        await replaceFile(target, aside);
        return aside;
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return undefined;
        if (place === places.at(-1) || !isErrno(error, ...PLACE_UNFIT)) throw error;
      }
    }
    return undefined;
  }
}

/** The pair's trash cannot take this file; a folder beside it may. */
const PLACE_UNFIT = ['EXDEV', 'ENAMETOOLONG', 'ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS'];

/** Only this process writes into this run's folder, so a name that is free stays free. */
async function freeName(place: string): Promise<string> {
  for (let number = 0; ; number += 1) {
    const name = number === 0 ? place : `${place}.${number}`;
    try {
      await lstat(name);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return name;
      throw error;
    }
  }
}
