import * as z from 'zod/mini';
import { S3RequestError } from './errors.ts';

/** An object as a listing shows it. */
export interface ListedObject {
  key: string;
  /** Bytes. */
  size: number;
  /** With its quotation marks. */
  etag: string;
}

export interface ListPage {
  objects: ListedObject[];
  /** The token of the following page; undefined: there is none. */
  next: string | undefined;
}

/**
 * A page of ListObjectsV2 with `encoding-type=url`.
 *
 * @throws S3RequestError when it is none
 */
export async function parseListPage(xml: string): Promise<ListPage> {
  return plainPage(xml) ?? parseAnyPage(xml);
}

/**
 * A page as the storages that we know write one. An XML parser takes sixty times as long (1,000
 * objects: 60 ms), and a large bucket has many pages; whatever is not as plain as this is left to it.
 */
function plainPage(xml: string): ListPage | undefined {
  // Comments, CDATA, prefixes, attributes.
  if (/<!|<\/?\w+:|<Contents\s/.test(xml)) return undefined;
  const objects: ListedObject[] = [];
  for (const [, entry = ''] of xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
    const key = /<Key>([^<&]+)<\/Key>/.exec(entry)?.[1];
    const size = /<Size>(\d+)<\/Size>/.exec(entry)?.[1];
    const etag = plainText(/<ETag>([^<]+)<\/ETag>/.exec(entry)?.[1]);
    if (key === undefined || size === undefined || etag === undefined) return undefined;
    objects.push({ key: decodeKey(key), size: Number(size), etag });
  }
  const count = /<KeyCount>(\d+)<\/KeyCount>/.exec(xml)?.[1];
  const truncated = /<IsTruncated>(true|false)<\/IsTruncated>/.exec(xml)?.[1];
  if (truncated === undefined || objects.length !== Number(count)) return undefined;
  if (truncated === 'false') return { objects, next: undefined };
  const next = plainText(/<NextContinuationToken>([^<]+)<\//.exec(xml)?.[1]);
  return next === undefined ? undefined : { objects, next };
}

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ quot: '"', apos: "'", lt: '<', gt: '>', amp: '&' },
};

function plainText(text: string | undefined): string | undefined {
  if (text?.includes('&') !== true) return text;
  return text.replace(
    /&(?:#x([0-9a-f]{1,5})|#(\d{1,6})|(\w+));/gi,
    (entity: string, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return ENTITIES[name] ?? entity;
      return String.fromCodePoint(hex === undefined ? Number(decimal) : parseInt(hex, 16));
    },
  );
}

function decodeKey(key: string): string {
  if (!/[%+]/.test(key)) return key;
  return decodeURIComponent(key.replaceAll('+', ' '));
}

const entrySchema = z.object({ Key: z.string(), Size: z.string(), ETag: z.string() });
const pageSchema = z.object({
  ListBucketResult: z.object({
    Contents: z.optional(z.array(entrySchema)),
    IsTruncated: z.optional(z.string()),
    NextContinuationToken: z.optional(z.string()),
  }),
});

async function parseAnyPage(xml: string): Promise<ListPage> {
  const { XMLParser } = await import('fast-xml-parser');
  const parser = new XMLParser({
    parseTagValue: false,
    trimValues: false,
    isArray: (name) => name === 'Contents',
  });
  const page = pageSchema.safeParse(parser.parse(xml)).data?.ListBucketResult;
  if (page === undefined) throw new S3RequestError('server', 'LIST: the answer is no listing');
  const { Contents, IsTruncated, NextContinuationToken } = page;
  const next = IsTruncated === 'true' ? NextContinuationToken : undefined;
  if (IsTruncated === 'true' && next === undefined) {
    throw new S3RequestError('server', 'LIST: the answer ends without saying how to go on');
  }
  const objects = (Contents ?? []).map(({ Key, Size, ETag }) => ({
    key: decodeKey(Key),
    size: Number(Size),
    etag: ETag,
  }));
  return { objects, next };
}
