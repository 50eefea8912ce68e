import type { Clock } from '../../platform/clock.ts';
import { encodeSegment } from '../../s3/request.ts';
import { pathOfKey, type SmallAnswer, type Upstream } from './upstream.ts';
import { versionKey, VERSIONS_PREFIX, type VersionReason } from './version-keys.ts';

/** The storage did not let a copy be made, so nothing is overwritten or deleted. */
export class NotKeptError extends Error {
  override readonly name = 'NotKeptError';
  readonly answer: SmallAnswer;
  constructor(answer: SmallAnswer) {
    super(`a copy could not be made: ${answer.status}`);
    this.answer = answer;
  }
}

/** Of how many objects an ETag is remembered. */
const REMEMBERED = 20_000;
/** CopyObject ends at 5 GB; beyond, parts are copied. */
const COPY_LIMIT = 5_000_000_000;
const PART = 1024 ** 3;

/** Copies objects aside before they are overwritten or deleted. All of it inside the bucket. */
export class VersionKeeper {
  readonly #upstream: Upstream;
  readonly #clock: Clock;
  /** By key the ETag of what was copied aside for a write that did not take place yet. */
  readonly #kept = new Map<string, string>();
  /** By key the ETag that went by last: a hint, which saves asking for it. */
  readonly #seen = new Map<string, string>();
  #conditions: Promise<boolean> | undefined;

  constructor(upstream: Upstream, clock: Clock) {
    this.#upstream = upstream;
    this.#clock = clock;
  }

  /**
   * Makes sure that the present object of `key` is in the versions.
   *
   * @returns its ETag with the quotation marks; undefined when there is none
   * @throws NotKeptError
   */
  async keep(key: string, reason: VersionReason): Promise<string | undefined> {
    const seen = this.#seen.get(key);
    if (seen !== undefined && !this.#kept.has(key)) {
      const copied = await this.#copy(key, seen, this.#name(key, reason, seen)).catch(ifNotKept);
      if (copied === 'done') {
        remember(this.#kept, key, seen);
        return seen;
      }
    }
    for (;;) {
      const head = await this.#head(key);
      if (head === undefined) return undefined;
      if (this.#kept.get(key) === head.etag) return head.etag;
      const to = this.#name(key, reason, head.etag);
      const copied =
        head.size > COPY_LIMIT
          ? await this.#copyInParts(key, head, to)
          : await this.#copy(key, head.etag, to);
      if (copied === 'gone') continue;
      remember(this.#kept, key, head.etag);
      return head.etag;
    }
  }

  /** The ETag of an object, with its quotation marks; undefined when there is none. */
  async etagOf(key: string): Promise<string | undefined> {
    return (await this.#head(key))?.etag;
  }

  /** An object went by, on its way to or from the mount. */
  saw(key: string, etag: string): void {
    remember(this.#seen, key, etag);
  }

  /** Whether there seems to be an object of this name. */
  hasSeen(key: string): boolean {
    return this.#seen.has(key);
  }

  /** What went by is not what is there. */
  forget(key: string): void {
    this.#seen.delete(key);
  }

  /**
   * A write took place: what is there now is another object, and would be copied again.
   *
   * @param etag of what is there now, where the storage said so
   */
  written(key: string, etag: string | undefined): void {
    this.#kept.delete(key);
    if (etag === undefined) this.forget(key);
    else this.saw(key, etag);
  }

  /**
   * Whether the storage refuses a write whose condition does not hold; tried out once. Where it
   * does not, each write is preceded by a look, and somebody else's write in between is lost.
   */
  conditions(): Promise<boolean> {
    this.#conditions ??= this.#probe().catch((error: unknown) => {
      this.#conditions = undefined;
      throw error;
    });
    return this.#conditions;
  }

  async #probe(): Promise<boolean> {
    const path = pathOfKey(`${VERSIONS_PREFIX}probe-${crypto.randomUUID()}`);
    const put = { method: 'PUT', path, query: '', body: Buffer.alloc(0) };
    const headers = { 'content-length': '0', 'if-none-match': '*' };
    const first = await this.#upstream.ask({ ...put, headers });
    if (first.status !== 200) throw new NotKeptError(first);
    const second = await this.#upstream.ask({ ...put, headers });
    await this.#upstream.ask({ method: 'DELETE', path, query: '', headers: {} });
    return second.status === 412 || second.status === 409;
  }

  async #head(key: string): Promise<{ etag: string; size: number } | undefined> {
    const answer = await this.#upstream.ask({
      ...{ method: 'HEAD', path: pathOfKey(key), query: '' },
      headers: { 'x-tigris-consistent': 'true' },
    });
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw new NotKeptError(answer);
    const { etag = '', 'content-length': size } = answer.headers;
    return { etag, size: Number(size) };
  }

  async #copy(key: string, etag: string, to: string): Promise<'done' | 'gone'> {
    const answer = await this.#upstream.ask({
      ...{ method: 'PUT', path: pathOfKey(to), query: '' },
      headers: { ...this.#source(key, etag), 'content-length': '0' },
    });
    return this.#outcome(answer);
  }

  /** A copy that fails on the way says so in the body of an answer that began with 200. */
  #outcome(answer: SmallAnswer): 'done' | 'gone' {
    if (answer.status === 412 || answer.status === 404) return 'gone';
    if (answer.status !== 200 || answer.body.includes('<Error>')) throw new NotKeptError(answer);
    return 'done';
  }

  async #copyInParts(
    key: string,
    { etag, size }: { etag: string; size: number },
    to: string,
  ): Promise<'done' | 'gone'> {
    const path = pathOfKey(to);
    const ask = async (method: string, query: string, headers: object, body?: Buffer) =>
      this.#upstream.ask({
        ...{ method, path, query },
        headers: { 'content-length': String(body?.length ?? 0), ...headers },
        ...(body === undefined ? {} : { body }),
      });
    const begun = await ask('POST', '?uploads=', {});
    const id = /<UploadId>([^<]+)</.exec(begun.body)?.[1];
    if (begun.status !== 200 || id === undefined) throw new NotKeptError(begun);
    const upload = `uploadId=${encodeURIComponent(id)}`;
    const parts: string[] = [];
    for (let at = 0; at < size; at += PART) {
      const number = parts.length + 1;
      const range = `bytes=${at}-${Math.min(size, at + PART) - 1}`;
      const headers = { ...this.#source(key, etag), 'x-amz-copy-source-range': range };
      const answer = await ask('PUT', `?partNumber=${number}&${upload}`, headers);
      if (this.#outcome(answer) === 'gone') {
        await ask('DELETE', `?${upload}`, {});
        return 'gone';
      }
      const tag = /<ETag>([^<]+)</.exec(answer.body)?.[1] ?? '';
      parts.push(`<Part><PartNumber>${number}</PartNumber><ETag>${tag}</ETag></Part>`);
    }
    const list = Buffer.from(
      `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`,
    );
    return this.#outcome(await ask('POST', `?${upload}`, {}, list));
  }

  #source(key: string, etag: string): Record<string, string> {
    const source = [this.#upstream.bucket, ...key.split('/')].map(encodeSegment).join('/');
    return { 'x-amz-copy-source': source, 'x-amz-copy-source-if-match': etag };
  }

  #name(key: string, reason: VersionReason, etag: string): string {
    return versionKey(key, this.#clock.now(), reason, etag);
  }
}

/** Why not is found out by asking first. */
function ifNotKept(error: unknown): undefined {
  if (!(error instanceof NotKeptError)) throw error;
}

function remember(etags: Map<string, string>, key: string, etag: string): void {
  etags.delete(key);
  etags.set(key, etag);
  const [oldest] = etags.keys();
  if (etags.size > REMEMBERED && oldest !== undefined) etags.delete(oldest);
}
