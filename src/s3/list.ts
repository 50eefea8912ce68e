import { XMLParser } from 'fast-xml-parser';
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

const entrySchema = z.object({ Key: z.string(), Size: z.string(), ETag: z.string() });
const pageSchema = z.object({
  ListBucketResult: z.object({
    Contents: z.optional(z.array(entrySchema)),
    IsTruncated: z.optional(z.string()),
    NextContinuationToken: z.optional(z.string()),
  }),
});

const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  isArray: (name) => name === 'Contents',
});

/** A page of ListObjectsV2 with `encoding-type=url`; `next` is the token of the following one. */
export function parseListPage(xml: string): { objects: ListedObject[]; next: string | undefined } {
  const page = pageSchema.safeParse(parser.parse(xml)).data?.ListBucketResult;
  if (page === undefined) throw new S3RequestError('server', 'LIST: the answer is no listing');
  const { Contents, IsTruncated, NextContinuationToken } = page;
  const next = IsTruncated === 'true' ? NextContinuationToken : undefined;
  if (IsTruncated === 'true' && next === undefined) {
    throw new S3RequestError('server', 'LIST: the answer ends without saying how to go on');
  }
  const objects = (Contents ?? []).map(({ Key, Size, ETag }) => ({
    key: decodeURIComponent(Key.replaceAll('+', ' ')),
    size: Number(Size),
    etag: ETag,
  }));
  return { objects, next };
}
