import * as z from 'zod/mini';
import type { KeptVersion, TakenSnapshot } from './provider.ts';
import { parseAnswer, type Signer } from './signed-requests.ts';

/** XML does not tell a list of one from a single value. */
const many = <T extends z.ZodMiniType>(item: T) => z.optional(z.union([z.array(item), item]));

const SnapshotPage = z.object({
  ListAllMyBucketsResult: z.object({
    Buckets: z.optional(
      z.union([
        z.string(),
        z.object({ Bucket: many(z.object({ Name: z.string(), CreationDate: z.string() })) }),
      ]),
    ),
    ContinuationToken: z.optional(z.string()),
  }),
});

const marker = { Key: z.string(), VersionId: z.string(), IsLatest: z.string() };
const VersionPage = z.object({
  ListVersionsResult: z.object({
    Version: many(z.object({ ...marker, Size: z.string(), ETag: z.string() })),
    DeleteMarker: many(z.object(marker)),
    IsTruncated: z.optional(z.string()),
    NextKeyMarker: z.optional(z.string()),
    NextVersionIdMarker: z.optional(z.string()),
  }),
});

/** So many versions of one object are told. */
const VERSIONS = 1000;
/** So many pages of snapshots, of up to a thousand each. */
const PAGES = 20;

/**
 * What a bucket with snapshots keeps of its past. Tigris: a snapshot is made by CreateBucket and listed by
 * ListBuckets, which a tenant's key may not call; versions have the time in nanoseconds as their id.
 * https://www.tigrisdata.com/docs/buckets/snapshots-and-forks/
 */
export class BucketHistory {
  readonly #endpoint: string;
  readonly #s3: Signer;
  constructor(endpoint: string, s3: Signer) {
    this.#endpoint = endpoint;
    this.#s3 = s3;
  }

  /** @returns the version by which the bucket can be read as it is now */
  createSnapshot(bucket: string, name: string | undefined): Promise<string> {
    return this.#s3({
      action: 'CreateSnapshot',
      method: 'PUT',
      url: `${this.#endpoint}/${bucket}`,
      headers: { 'x-tigris-snapshot': name === undefined ? 'true' : `true; name=${name}` },
      answerHeader: 'x-tigris-snapshot-version',
    });
  }

  async listSnapshots(bucket: string): Promise<TakenSnapshot[]> {
    const action = 'ListSnapshots';
    const found: TakenSnapshot[] = [];
    let token: string | undefined;
    for (let page = 0; page < PAGES; page += 1) {
      const query = token === undefined ? '' : `?continuation-token=${encodeURIComponent(token)}`;
      const text = await this.#s3({
        ...{ action, method: 'GET', url: `${this.#endpoint}/${query}` },
        headers: { 'x-tigris-snapshot': bucket },
      });
      const { Buckets, ContinuationToken } = parseAnswer(
        action,
        text,
        SnapshotPage,
      ).ListAllMyBucketsResult;
      const entries = typeof Buckets === 'object' ? [Buckets.Bucket ?? []].flat() : [];
      found.push(...entries.map(({ Name, CreationDate }) => snapshotOf(Name, CreationDate)));
      if (entries.length === 0 || ContinuationToken === undefined || ContinuationToken === token) {
        break;
      }
      token = ContinuationToken;
    }
    return found;
  }

  /** Of this one key, newest first. */
  async listVersions(bucket: string, key: string): Promise<KeptVersion[]> {
    const action = 'ListObjectVersions';
    const found: KeptVersion[] = [];
    let after: Record<string, string> = {};
    for (;;) {
      const query = new URLSearchParams({ prefix: key, 'encoding-type': 'url', ...after });
      const url = `${this.#endpoint}/${bucket}?versions=&${query.toString()}`;
      const text = await this.#s3({ action, method: 'GET', url });
      const page = parseAnswer(action, text, VersionPage).ListVersionsResult;
      const versions = [page.Version ?? []].flat();
      const marks = [page.DeleteMarker ?? []].flat();
      found.push(
        ...versions
          .filter(({ Key }) => decodeKey(Key) === key)
          .map((each) => ({ ...commonOf(each), size: Number(each.Size), etag: each.ETag })),
        ...marks
          .filter(({ Key }) => decodeKey(Key) === key)
          .map((each) => ({ ...commonOf(each), size: null, etag: null })),
      );
      // The keys that only begin like this one come after it.
      const passed = [...versions, ...marks].some(({ Key }) => decodeKey(Key) !== key);
      const { NextKeyMarker, NextVersionIdMarker, IsTruncated } = page;
      if (passed || IsTruncated !== 'true' || NextKeyMarker === undefined) break;
      if (found.length >= VERSIONS) break;
      after = {
        'key-marker': decodeKey(NextKeyMarker),
        ...(NextVersionIdMarker === undefined ? {} : { 'version-id-marker': NextVersionIdMarker }),
      };
    }
    return found.toSorted(newestFirst).slice(0, VERSIONS);
  }
}

function snapshotOf(name: string, created: string): TakenSnapshot {
  const [version = '', label] = name.split(/;\s*name=/);
  return { version: version.trim(), name: label ?? null, createdAt: created };
}

function commonOf({ VersionId, IsLatest }: { VersionId: string; IsLatest: string }) {
  return { version: VersionId, latest: IsLatest === 'true' };
}

/** Without leading zeros the longer number is the larger one, and they are too large for a double. */
function newestFirst(a: KeptVersion, b: KeptVersion): number {
  if (a.version.length !== b.version.length) return b.version.length - a.version.length;
  return a.version < b.version ? 1 : -1;
}

function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '));
}
