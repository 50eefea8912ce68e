import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { VersionKeeper } from './keep-versions.ts';
import { keyOfPath, type Upstream, type UpstreamRequest } from './upstream.ts';

/** Times that a write is tried anew because somebody else wrote in between. */
const ATTEMPTS = 5;
/** How many renamed objects are remembered until their old name is deleted. */
const REMEMBERED = 10_000;

/** A write of the mount whose body, if any, can be sent again. */
export type Repeatable = Omit<UpstreamRequest, 'body'> & { body?: Buffer };

/**
 * The writes of a mount, each preceded by a copy of what it replaces. With a condition on the very
 * version that was copied, so that what somebody else writes in between is not lost either, but
 * copied in turn.
 */
export class KeepingWrites {
  readonly #upstream: Upstream;
  readonly #keeper: VersionKeeper;
  /** By key the ETag under which it was copied to another name: the content lives on there. */
  readonly #moved = new Map<string, string>();

  constructor(upstream: Upstream, keeper: VersionKeeper) {
    this.#upstream = upstream;
    this.#keeper = keeper;
  }

  /** A small object: a new name costs no request more than without copies. */
  async putSmall(request: Repeatable): Promise<IncomingMessage> {
    const known = this.#keeper.hasSeen(keyOfPath(request.path));
    if (known || !(await this.#keeper.conditions())) return this.#put(request, {});
    const headers = { ...request.headers, 'if-none-match': '*' };
    const answer = await this.#upstream.send({ ...request, headers });
    if (!isPrecondition(answer)) return this.#written(request, answer);
    answer.resume();
    return this.#put(request, {});
  }

  /** An object whose body comes only once; rclone sends it again when it is refused. */
  async putStream(request: Repeatable, body: Readable): Promise<IncomingMessage> {
    const etag = await this.#keeper.keep(keyOfPath(request.path), 'replaced');
    const headers = { ...request.headers, ...(await this.#condition(etag)) };
    const answer = await this.#upstream.send({ ...request, headers, body });
    return this.#written(request, answer);
  }

  /** The end of an upload in parts, which is when the object is replaced. */
  complete(request: Repeatable): Promise<IncomingMessage> {
    return this.#put(request, {});
  }

  /** A copy inside the bucket: half of a rename, or new metadata for an object that stays. */
  async copy(request: Repeatable, source: string): Promise<IncomingMessage> {
    const from = sourceKey(source, this.#upstream.bucket);
    const key = keyOfPath(request.path);
    if (from === key) return this.#upstream.send(request);
    const [etag] = await Promise.all([
      // What is deleted later under the old name must be this very content.
      from === undefined ? undefined : this.#keeper.etagOf(from),
      // Storages differ in which conditions they know for the target of a copy.
      this.#keeper.keep(key, 'replaced'),
    ]);
    const condition = etag === undefined ? {} : { 'x-amz-copy-source-if-match': etag };
    const headers = { ...condition, ...request.headers };
    const answer = await this.#upstream.send({ ...request, headers });
    if (from !== undefined && etag !== undefined && answer.statusCode === 200) {
      this.#moved.delete(from);
      this.#moved.set(from, etag);
      const [oldest] = this.#moved.keys();
      if (this.#moved.size > REMEMBERED && oldest !== undefined) this.#moved.delete(oldest);
    }
    return this.#written(request, answer);
  }

  async delete(request: Repeatable): Promise<IncomingMessage> {
    const key = keyOfPath(request.path);
    const moved = this.#moved.get(key);
    this.#moved.delete(key);
    if (moved !== undefined && (await this.#keeper.conditions())) {
      const headers = { ...request.headers, 'if-match': moved };
      const answer = await this.#upstream.send({ ...request, headers });
      if (!isPrecondition(answer)) return this.#written(request, answer);
      answer.resume();
    }
    return this.#put(request, { deletes: true });
  }

  async #put(request: Repeatable, { deletes = false }): Promise<IncomingMessage> {
    const key = keyOfPath(request.path);
    for (let attempt = 1; ; attempt += 1) {
      const etag = await this.#keeper.keep(key, deletes ? 'deleted' : 'replaced');
      const condition = deletes && etag === undefined ? {} : await this.#condition(etag);
      const headers = { ...request.headers, ...condition };
      const answer = await this.#upstream.send({ ...request, headers });
      this.#written(request, answer);
      if (!isPrecondition(answer) || attempt === ATTEMPTS) return answer;
      answer.resume();
    }
  }

  async #condition(etag: string | undefined): Promise<Record<string, string>> {
    if (!(await this.#keeper.conditions())) return {};
    return etag === undefined ? { 'if-none-match': '*' } : { 'if-match': etag };
  }

  #written(request: Repeatable, answer: IncomingMessage): IncomingMessage {
    const key = keyOfPath(request.path);
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) this.#keeper.written(key, answer.headers.etag);
    else if (isPrecondition(answer)) this.#keeper.forget(key);
    return answer;
  }
}

function isPrecondition(answer: IncomingMessage): boolean {
  return answer.statusCode === 412 || answer.statusCode === 409;
}

/** `bucket/key`, encoded, with or without a slash before it. */
function sourceKey(source: string, bucket: string): string | undefined {
  const path = decodeURIComponent(source.replace(/^\//, '').replace(/\?versionId=.*$/, ''));
  return path.startsWith(`${bucket}/`) ? path.slice(bucket.length + 1) : undefined;
}
