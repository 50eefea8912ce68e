import { XMLParser } from 'fast-xml-parser';
import { pathOfKey, type Upstream } from './upstream.ts';
import { parseVersionKey, VERSIONS_PREFIX } from './version-keys.ts';

interface Page {
  ListBucketResult?: {
    Contents?: { Key: string } | { Key: string }[];
    NextContinuationToken?: string;
  };
}

/** Deletes the copies that were made before a time; what is not named like one stays. */
export async function pruneVersions(upstream: Upstream, before: number): Promise<void> {
  const parser = new XMLParser({ parseTagValue: false, trimValues: false });
  let token: string | undefined;
  do {
    const more = token === undefined ? '' : `&continuation-token=${encodeURIComponent(token)}`;
    const prefix = encodeURIComponent(VERSIONS_PREFIX);
    const query = `?encoding-type=url&list-type=2&prefix=${prefix}${more}`;
    const answer = await upstream.ask({ method: 'GET', path: '', query, headers: {} });
    if (answer.status !== 200) throw new Error(`the listing was answered with ${answer.status}`);
    const page = (parser.parse(answer.body) as Page).ListBucketResult;
    for (const { Key } of [page?.Contents ?? []].flat()) {
      const key = decodeURIComponent(Key.replaceAll('+', ' '));
      const version = parseVersionKey(key);
      if (version === undefined || version.at >= before) continue;
      await upstream.ask({ method: 'DELETE', path: pathOfKey(key), query: '', headers: {} });
    }
    token = page?.NextContinuationToken;
  } while (token !== undefined);
}
