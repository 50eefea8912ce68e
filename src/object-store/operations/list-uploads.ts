import type { Reply } from '../request.ts';
import { isoDate } from '../stamps.ts';
import { bucketOf, S3_NAMESPACE, xmlReply, type Call } from '../store.ts';
import { element, optional, sequence, xmlDocument } from '../xml.ts';
import type { Upload } from '../uploads.ts';
import { readEncoding, wholeNumber } from './list-parameters.ts';
import { OWNER_ID } from './list-objects.ts';

/** Multipart uploads under way, in order of key and upload id. */
export function listMultipartUploads(call: Call): Reply {
  const { store, request } = call;
  const name = bucketOf(call, 's3:ListBucketMultipartUploads');
  const bucket = store.buckets.require(name);
  const query = request.query;
  const encoding = readEncoding(query);
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const limit = wholeNumber(query, 'max-uploads', 1000);
  const keyMarker = query.get('key-marker') ?? '';
  const idMarker = query.get('upload-id-marker') ?? '';
  // With a key alone, its own uploads are passed; any text sorts before this one.
  const after = {
    key: keyMarker,
    id: keyMarker !== '' && idMarker === '' ? '\u{10ffff}' : idMarker,
  };
  const { uploads, prefixes, truncated, last } = pageOf(
    (from, count) => store.uploads.list(bucket.id, prefix, from, count),
    { prefix, delimiter, limit, after },
  );
  return xmlReply(
    xmlDocument(
      'ListMultipartUploadsResult',
      S3_NAMESPACE,
      element('Bucket', name),
      element('KeyMarker', encoding.apply(keyMarker)),
      element('UploadIdMarker', idMarker),
      optional(
        'NextKeyMarker',
        truncated && last !== undefined ? encoding.apply(last.key) : undefined,
      ),
      optional('NextUploadIdMarker', truncated ? last?.id : undefined),
      element('Prefix', encoding.apply(prefix)),
      delimiter === '' ? { xml: '' } : element('Delimiter', encoding.apply(delimiter)),
      optional('EncodingType', encoding.type),
      element('MaxUploads', limit),
      element('IsTruncated', truncated),
      sequence(
        uploads.map((upload) =>
          element(
            'Upload',
            element('Key', encoding.apply(upload.key)),
            element('UploadId', upload.id),
            element('Initiator', element('ID', OWNER_ID), element('DisplayName', OWNER_ID)),
            element('Owner', element('ID', OWNER_ID), element('DisplayName', OWNER_ID)),
            element('StorageClass', 'STANDARD'),
            element('Initiated', isoDate(upload.started)),
          ),
        ),
      ),
      sequence(
        prefixes.map((each) => element('CommonPrefixes', element('Prefix', encoding.apply(each)))),
      ),
    ),
  );
}

interface UploadPage {
  uploads: Upload[];
  prefixes: string[];
  truncated: boolean;
  last: { key: string; id: string } | undefined;
}

/** Uploads under way are few, so common prefixes are found by walking them. */
function pageOf(
  read: (after: { key: string; id: string }, count: number) => Upload[],
  query: { prefix: string; delimiter: string; limit: number; after: { key: string; id: string } },
): UploadPage {
  const page: UploadPage = { uploads: [], prefixes: [], truncated: false, last: undefined };
  let after = query.after;
  for (;;) {
    const found = read(after, 1000);
    for (const upload of found) {
      after = upload;
      const cut =
        query.delimiter === '' ? -1 : upload.key.indexOf(query.delimiter, query.prefix.length);
      const common = cut < 0 ? undefined : upload.key.slice(0, cut + query.delimiter.length);
      const seen = common !== undefined && page.prefixes.at(-1) === common;
      if (!seen && page.uploads.length + page.prefixes.length >= query.limit) {
        page.truncated = query.limit > 0;
        return page;
      }
      page.last = { key: upload.key, id: upload.id };
      if (common === undefined) page.uploads.push(upload);
      else if (!seen) page.prefixes.push(common);
    }
    if (found.length < 1000) return page;
  }
}
