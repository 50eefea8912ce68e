import { AwsClient } from 'aws4fetch';
import { XMLParser } from 'fast-xml-parser';
import * as z from 'zod/mini';
import { StorageError, type AccessKeyPair } from './provider.ts';

/** No call to the provider may take longer, in milliseconds. */
const DEADLINE_MS = 10_000;

export interface SignedRequest {
  /** For errors and logs: `CreateBucket`. */
  action: string;
  method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE' | 'HEAD';
  url: string;
  headers?: Record<string, string>;
  body?: string;
  /** The answer is this header instead of the body; empty where it is missing. */
  answerHeader?: string;
}

export type Signer = (request: SignedRequest) => Promise<string>;

/** Requests signed with SigV4 for one service; the answer is that of a 2xx. */
export function createSigner(key: AccessKeyPair, service: 's3' | 'iam', region: string): Signer {
  // No retries in here: a repeated CreateAccessKey would leave a key nobody knows of.
  const client = new AwsClient({ ...key, service, region, retries: 0 });
  return async ({ action, method, url, headers, body, answerHeader }) => {
    let status: number;
    let text: string;
    let header: string | null = null;
    try {
      const response = await client.fetch(url, {
        method,
        headers: { ...headers },
        ...(body === undefined ? {} : { body }),
        redirect: 'manual',
        signal: AbortSignal.timeout(DEADLINE_MS),
      });
      status = response.status;
      text = await response.text();
      if (answerHeader !== undefined) header = response.headers.get(answerHeader);
    } catch (cause) {
      throw new StorageError(action, 'Unreachable', 0, cause);
    }
    if (status < 200 || status > 299) throw new StorageError(action, errorCode(text), status);
    return answerHeader === undefined ? text : (header ?? '');
  };
}

const parser = new XMLParser({
  ignoreAttributes: true,
  // Identifiers of digits only stay text.
  parseTagValue: false,
  isArray: (name) => name === 'member',
});

/** Parses an XML answer by `schema`. @throws StorageError `BadAnswer` */
export function parseAnswer<T>(action: string, text: string, schema: z.ZodMiniType<T>): T {
  const parsed = schema.safeParse(parseXml(text));
  // Not the cause: it may quote the answer, and the answer may hold a secret.
  if (!parsed.success) throw new StorageError(action, 'BadAnswer', 200);
  return parsed.data;
}

/** S3 answers `<Error><Code>`, IAM `<ErrorResponse><Error><Code>`. */
const ErrorAnswer = z.union([
  z.object({ Error: z.object({ Code: z.string() }) }),
  z.object({ ErrorResponse: z.object({ Error: z.object({ Code: z.string() }) }) }),
]);

function errorCode(text: string): string {
  const { data } = ErrorAnswer.safeParse(parseXml(text));
  if (data === undefined) return 'Unknown';
  return 'Error' in data ? data.Error.Code : data.ErrorResponse.Error.Code;
}

function parseXml(text: string): unknown {
  try {
    return parser.parse(text);
  } catch {
    return undefined;
  }
}
