import { S3Error } from '../errors.ts';
import { encodeRfc3986 } from '../sigv4.ts';

/** A non-negative whole number of the query, at most `most`. @throws S3Error InvalidArgument */
export function wholeNumber(
  query: ReadonlyMap<string, string>,
  name: string,
  fallback: number,
  most = fallback,
): number {
  const text = query.get(name);
  if (text === undefined || text === '') return fallback;
  if (!/^\d{1,10}$/.test(text) || Number(text) > 2 ** 31 - 1) {
    throw new S3Error(
      'InvalidArgument',
      `Argument ${name} must be an integer between 0 and 2147483647`,
      {
        ArgumentName: name,
        ArgumentValue: text,
      },
    );
  }
  return Math.min(Number(text), most);
}

export interface Encoding {
  type: 'url' | undefined;
  /** Percent-encodes when the client asked for it: XML cannot carry every key. */
  apply: (text: string) => string;
}

/** @throws S3Error InvalidArgument */
export function readEncoding(query: ReadonlyMap<string, string>): Encoding {
  const type = query.get('encoding-type');
  if (type === undefined) return { type: undefined, apply: (text) => text };
  if (type.toLowerCase() !== 'url') {
    throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request', {
      ArgumentName: 'encoding-type',
      ArgumentValue: type,
    });
  }
  return { type: 'url', apply: (text) => encodeRfc3986(text).replaceAll('%2F', '/') };
}
