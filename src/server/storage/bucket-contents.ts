import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { StorageError } from './provider.ts';
import { assertMoved, parseAnswer, type Signer } from './signed-requests.ts';

/** The parser makes a list of one a single value, and none nothing. */
const several = <T extends z.ZodMiniType>(one: T) => z.optional(z.union([z.array(one), one]));
const listed = <T>(value: T | T[] | undefined): T[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

const ObjectPage = z.object({
  ListBucketResult: z.object({
    Contents: several(z.object({ Key: z.string(), Size: z.string() })),
    IsTruncated: z.optional(z.string()),
    NextContinuationToken: z.optional(z.string()),
  }),
});
const UploadPage = z.object({
  ListMultipartUploadsResult: z.object({
    Upload: several(z.object({ Key: z.string(), UploadId: z.string() })),
  }),
});
const BucketPage = z.object({
  ListAllMyBucketsResult: z.object({
    Buckets: z.optional(
      z.union([z.literal(''), z.object({ Bucket: several(z.object({ Name: z.string() })) })]),
    ),
    ContinuationToken: z.optional(z.string()),
  }),
});

interface Page {
  objects: { key: string; size: number }[];
  next: string | undefined;
}

export interface Measured {
  objects: number;
  bytes: number;
  /** There are more than were counted. */
  more: boolean;
}

/** What is in one bucket, with keys that may do everything. @param url of the bucket */
export class BucketContents {
  readonly #s3: Signer;
  readonly #url: string;
  constructor(s3: Signer, url: string) {
    this.#s3 = s3;
    this.#url = url;
  }

  /** @param pages how many listings of 1,000 at most */
  async measure(pages: number): Promise<Measured> {
    const measured = { objects: 0, bytes: 0 };
    let next: string | undefined;
    for (let page = 0; page < pages; page += 1) {
      const found: Page = await this.#list(next);
      measured.objects += found.objects.length;
      measured.bytes += found.objects.reduce((sum, { size }) => sum + size, 0);
      next = found.next;
      if (next === undefined) return { ...measured, more: false };
    }
    return { ...measured, more: true };
  }

  /** Deletes every object and ends every unfinished upload. */
  async empty(): Promise<void> {
    for (let before: string | undefined; ;) {
      // From the beginning each time: what was listed is gone.
      const { objects } = await this.#list(undefined);
      const first = objects[0]?.key;
      if (first === undefined) break;
      if (first === before) throw new StorageError('DeleteObjects', 'StillThere', 409);
      await this.#deleteAll(objects);
      before = first;
    }
    for (const { Key, UploadId } of await this.#uploads()) await this.#abort(Key, UploadId);
  }

  /** Keys go in the body: in an address `a/../b` would become another one. */
  async #deleteAll(objects: Page['objects']): Promise<void> {
    const action = 'DeleteObjects';
    const items = objects.map(({ key }) => `<Object><Key>${escapeXml(key)}</Key></Object>`);
    const body = `<Delete><Quiet>true</Quiet>${items.join('')}</Delete>`;
    const answer = await this.#s3({
      action,
      method: 'POST',
      url: `${this.#url}?delete=`,
      headers: {
        'content-type': 'application/xml',
        'content-md5': createHash('md5').update(body).digest('base64'),
      },
      body,
    });
    const code = /<Error>.*?<Code>([^<]*)<\/Code>/s.exec(answer)?.[1];
    if (code !== undefined) throw new StorageError(action, code, 409);
  }

  async #list(token: string | undefined): Promise<Page> {
    const action = 'ListObjectsV2';
    const query = new URLSearchParams({ 'list-type': '2', 'encoding-type': 'url' });
    if (token !== undefined) query.set('continuation-token', token);
    const url = `${this.#url}?${query.toString()}`;
    const text = await this.#s3({ action, method: 'GET', url });
    const result = parseAnswer(action, text, ObjectPage).ListBucketResult;
    const { Contents, IsTruncated, NextContinuationToken } = result;
    return {
      objects: listed(Contents).map(({ Key, Size }) => ({
        key: decodeURIComponent(Key.replaceAll('+', ' ')),
        size: Number(Size),
      })),
      next: IsTruncated === 'true' ? NextContinuationToken : undefined,
    };
  }

  async #uploads(): Promise<{ Key: string; UploadId: string }[]> {
    const action = 'ListMultipartUploads';
    const text = await this.#s3({ action, method: 'GET', url: `${this.#url}?uploads=` });
    return listed(parseAnswer(action, text, UploadPage).ListMultipartUploadsResult.Upload);
  }

  async #abort(key: string, uploadId: string): Promise<void> {
    const path = key.split('/');
    // Cannot be addressed; the bucket's deletion takes it along, or says that it does not.
    if (path.some((name) => name === '.' || name === '..')) return;
    const query = new URLSearchParams({ uploadId });
    const address = `${path.map(encodeURIComponent).join('/')}?${query.toString()}`;
    const url = `${this.#url}/${address}`;
    try {
      await this.#s3({ action: 'AbortMultipartUpload', method: 'DELETE', url });
    } catch (error) {
      if (!(error instanceof StorageError) || error.status !== 404) throw error;
    }
  }
}

/** Our buckets whose names begin with `prefix`, which a provider may not heed. */
export async function listBuckets(s3: Signer, endpoint: string, prefix: string): Promise<string[]> {
  const action = 'ListBuckets';
  const names: string[] = [];
  let token: string | undefined;
  do {
    const query = new URLSearchParams({ prefix });
    if (token !== undefined) query.set('continuation-token', token);
    const text = await s3({ action, method: 'GET', url: `${endpoint}/?${query.toString()}` });
    const { Buckets, ContinuationToken } = parseAnswer(
      action,
      text,
      BucketPage,
    ).ListAllMyBucketsResult;
    const found = Buckets === undefined || Buckets === '' ? [] : listed(Buckets.Bucket);
    names.push(...found.map(({ Name }) => Name));
    const next = ContinuationToken === '' ? undefined : ContinuationToken;
    if (next !== undefined) assertMoved(action, token, next);
    token = next;
  } while (token !== undefined);
  return names.filter((name) => name.startsWith(prefix));
}

function escapeXml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
  return text.replace(
    /[&<>]|[\u0000-\u001f]/g,
    (char) => entities[char] ?? `&#${char.charCodeAt(0)};`,
  );
}
