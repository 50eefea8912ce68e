import type { ObjectVersion, ObjectVersionList } from '../../api/contract/snapshots.ts';
import { AbortError } from '../../output/errors.ts';
import { fetchInto } from '../download.ts';
import { OWN_PREFIX } from '../filters/own-files.ts';
import { copyDurably, hashStable } from '../local-file.ts';
import { PathProblem } from '../problems.ts';
import type { RunContext } from '../run-context.ts';
import { isVersion } from '../upload.ts';
import type { PathChange, RecordedVersion } from './changed-by-run.ts';
import { trashFiles, type TrashFile } from './trash-files.ts';

/** What the bucket keeps of a path; asked of the server. */
export type ListVersions = (path: string) => Promise<ObjectVersionList>;

/** A version that is still somewhere. */
export interface FoundVersion {
  from: 'trash' | 'folder' | 'cloud';
  size: number;
  /** Null where only reading it tells. */
  md5: string | null;
  /** Writes it to a file that does not exist yet, durably. @throws PathProblem, S3RequestError */
  write(temporary: string): Promise<void>;
}

interface Hints {
  /** Files in the trash that probably hold it. */
  asides?: readonly string[];
  /** Paths here that may have it under another name. */
  paths?: readonly string[];
  /** The run that replaced it. */
  run?: string;
}

/** Finds contents that were replaced: by what they hold, wherever they lie. */
export class EarlierVersions {
  readonly #run: RunContext;
  readonly #listVersions: ListVersions;
  #trash: Promise<TrashFile[]> | undefined;
  #refusal: AbortError | undefined;

  constructor(run: RunContext, listVersions: ListVersions) {
    this.#run = run;
    this.#listVersions = listVersions;
  }

  async find(
    path: string,
    wanted: RecordedVersion,
    { asides = [], paths = [], run }: Hints = {},
  ): Promise<FoundVersion | undefined> {
    for (const file of asides) {
      if (await this.#holds(file, wanted)) return inFile(file, wanted, 'trash');
    }
    for (const other of paths) {
      const file = await this.#run.root.pathOf(other);
      if (await this.#holds(file, wanted)) return inFile(file, wanted, 'folder');
    }
    for (const { file } of await this.#ofSize(path, wanted.size)) {
      if (await this.#holds(file, wanted)) return inFile(file, wanted, 'trash');
    }
    return (await this.#inCloud(path, wanted)) ?? this.#keptCopy(path, wanted, run);
  }

  /** Why nothing was found. */
  get reason(): string {
    const { code, message } = this.#refusal ?? {};
    if (code === 'no-snapshots') return 'it is not in the trash, and the bucket keeps no versions';
    if (message !== undefined) return `it is not in the trash, and of the bucket: ${message}`;
    return 'neither the trash nor the bucket has it any more';
  }

  /** What the bucket had at a time, in nanoseconds since the epoch. @throws S3RequestError */
  async inCloudAt(path: string, at: string): Promise<FoundVersion | undefined> {
    const head = await this.#run.s3.head(path, this.#run.signal, at);
    if (head === undefined) return undefined;
    const write = (temporary: string): Promise<void> => this.#fetch(path, temporary, at);
    return { from: 'cloud', size: head.size, md5: head.md5, write };
  }

  async #ofSize(path: string, size: number): Promise<TrashFile[]> {
    const { pair } = this.#run;
    const all = (await (this.#trash ??= trashFiles(pair))).filter((file) => file.size === size);
    const here = all.filter((file) => file.path === path);
    return [...here, ...all.filter((file) => file.path !== path)];
  }

  async #holds(file: string, wanted: RecordedVersion): Promise<boolean> {
    try {
      return (await hashStable(file, this.#run.wait))?.md5 === wanted.md5;
    } catch (error) {
      if (error instanceof PathProblem) return false;
      throw error;
    }
  }

  async #inCloud(path: string, wanted: RecordedVersion): Promise<FoundVersion | undefined> {
    const found = (await this.#versionsOf(path)).find((version) => isThat(version, wanted));
    return found && this.inCloudAt(path, found.version);
  }

  async #versionsOf(path: string): Promise<ObjectVersion[]> {
    // A server that cannot be asked for one path need not be asked for the others.
    if (this.#refusal !== undefined) return [];
    try {
      return (await this.#listVersions(path)).versions;
    } catch (error) {
      if (!(error instanceof AbortError)) throw error;
      this.#refusal = error;
      return [];
    }
  }

  /** Where a storage knows no conditions, a run has kept a copy in the bucket. */
  async #keptCopy(
    path: string,
    wanted: RecordedVersion,
    run: string | undefined,
  ): Promise<FoundVersion | undefined> {
    const { conditions, s3, signal } = this.#run;
    if (run === undefined || (conditions.writes && conditions.deletes)) return undefined;
    const key = `${OWN_PREFIX}trash/${run}/${path}`;
    const head = await s3.head(key, signal);
    if (head === undefined || !isVersion(head, { ...wanted, etag: wanted.etag ?? null })) {
      return undefined;
    }
    const { size, md5 } = wanted;
    return { from: 'cloud', size, md5, write: (temporary) => this.#fetch(key, temporary) };
  }

  async #fetch(key: string, temporary: string, at?: string): Promise<void> {
    const fetched = await fetchInto(this.#run, key, temporary, { at });
    if (fetched === undefined) throw new PathProblem('changing', `${key} is not in the bucket now`);
  }
}

function inFile(
  file: string,
  { size, md5 }: RecordedVersion,
  from: FoundVersion['from'],
): FoundVersion {
  return { from, size, md5, write: (temporary) => copyDurably(file, temporary) };
}

function isThat(version: ObjectVersion, wanted: RecordedVersion): boolean {
  if (version.etag === null || version.size !== wanted.size) return false;
  return version.etag === `"${wanted.md5}"` || version.etag === wanted.etag;
}

/** Where a run has put this content: a rename leaves it under the new name. */
export function pathsWith(changes: readonly PathChange[], wanted: RecordedVersion): string[] {
  return changes.filter(({ after }) => after?.md5 === wanted.md5).map(({ path }) => path);
}
