import * as z from 'zod/mini';
import { IP_FAMILIES, parseCidr } from './addresses.ts';

/**
 * The part of the AWS policy language that Tigris documents, plus `s3:prefix` and `s3:delimiter`
 * on listings. What is not understood is refused when a policy is created: a condition that is
 * silently ignored would grant more than was written.
 */
export interface Statement {
  effect: 'Allow' | 'Deny';
  /** Patterns, lower case. */
  actions: readonly string[];
  /** Patterns of ARNs. */
  resources: readonly string[];
  conditions: readonly Condition[];
}

interface Condition {
  holds: (context: PolicyContext) => boolean;
}

/** What a request looks like to a policy. */
export interface PolicyContext {
  action: S3Action;
  /** `arn:aws:s3:::bucket` or `arn:aws:s3:::bucket/key`. */
  resource: string;
  sourceIp: string;
  /** Milliseconds since the epoch. */
  now: number;
  /** Parameters of a listing; absent elsewhere. */
  prefix?: string | undefined;
  delimiter?: string | undefined;
}

export const S3_ACTIONS = [
  's3:AbortMultipartUpload',
  's3:CreateBucket',
  's3:DeleteBucket',
  's3:DeleteObject',
  's3:DeleteObjectVersion',
  's3:GetBucketAcl',
  's3:GetBucketCORS',
  's3:GetBucketLocation',
  's3:GetBucketNotification',
  's3:GetBucketPolicy',
  's3:GetBucketTagging',
  's3:GetBucketVersioning',
  's3:GetLifecycleConfiguration',
  's3:GetObject',
  's3:GetObjectAcl',
  's3:GetObjectTagging',
  's3:GetObjectVersion',
  's3:ListAllMyBuckets',
  's3:ListBucket',
  's3:ListBucketMultipartUploads',
  's3:ListBucketVersions',
  's3:ListMultipartUploadParts',
  's3:PutBucketNotification',
  's3:PutBucketVersioning',
  's3:PutObject',
  's3:PutObjectAcl',
  's3:RestoreObject',
] as const;
export type S3Action = (typeof S3_ACTIONS)[number];

/** A policy document that is malformed or says something this store would not enforce. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
}

const oneOrMore = z.union([z.string(), z.array(z.string()).check(z.minLength(1))]);
const statementSchema = z.strictObject({
  Sid: z.optional(z.string()),
  Effect: z.enum(['Allow', 'Deny']),
  Action: oneOrMore,
  Resource: oneOrMore,
  Condition: z.optional(z.record(z.string(), z.record(z.string(), oneOrMore))),
});
const documentSchema = z.strictObject({
  Version: z.literal('2012-10-17'),
  Id: z.optional(z.string()),
  Statement: z.union([statementSchema, z.array(statementSchema).check(z.minLength(1))]),
});

/** @throws PolicyError with a sentence that says what is wrong */
export function parsePolicy(text: string): Statement[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new PolicyError('The policy document is not valid JSON.');
  }
  const parsed = documentSchema.safeParse(json);
  if (!parsed.success) {
    throw new PolicyError(`The policy document is malformed: ${z.prettifyError(parsed.error)}`);
  }
  return asList(parsed.data.Statement).map((statement) => ({
    effect: statement.Effect,
    actions: asList(statement.Action).map(checkAction),
    resources: asList(statement.Resource).map(checkResource),
    conditions: Object.entries(statement.Condition ?? {}).flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, value]) => parseCondition(operator, key, asList(value))),
    ),
  }));
}

function asList<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value : [value];
}

function checkAction(pattern: string): string {
  const lower = pattern.toLowerCase();
  if (lower !== '*' && !S3_ACTIONS.some((action) => wildcard(lower, action.toLowerCase()))) {
    throw new PolicyError(`Unsupported action: ${pattern}`);
  }
  return lower;
}

function checkResource(pattern: string): string {
  if (pattern.includes('${'))
    throw new PolicyError(`Policy variables are not supported: ${pattern}`);
  if (pattern === '*' || pattern.startsWith('arn:aws:s3:::')) return pattern;
  throw new PolicyError(`Unsupported resource: ${pattern}`);
}

function parseCondition(operator: string, key: string, values: string[]): Condition {
  const date = DATE_OPERATORS[operator];
  if (date !== undefined && key.toLowerCase() === 'aws:currenttime') {
    const times = values.map(parseDate);
    // `Not…` holds only if it holds for every value; the others if for any.
    return {
      holds: ({ now }) =>
        operator === 'DateNotEquals'
          ? times.every((time) => date(now, time))
          : times.some((time) => date(now, time)),
    };
  }
  if (
    (operator === 'IpAddress' || operator === 'NotIpAddress') &&
    key.toLowerCase() === 'aws:sourceip'
  ) {
    const ranges = values.map(readCidr);
    const wanted = operator === 'IpAddress';
    return { holds: ({ sourceIp }) => ranges.some((within) => within(sourceIp)) === wanted };
  }
  return parseStringCondition(operator, key, values);
}

function parseStringCondition(operator: string, key: string, values: string[]): Condition {
  const optional = operator.endsWith('IfExists');
  const compare = STRING_OPERATORS[optional ? operator.slice(0, -'IfExists'.length) : operator];
  const read = LIST_KEYS[key.toLowerCase()];
  if (compare === undefined || read === undefined) {
    throw new PolicyError(`Unsupported condition: ${operator} on ${key}`);
  }
  return {
    holds: (context) => {
      const value = read(context);
      // As in IAM: a positive comparison with an absent key fails, a negative one holds.
      if (value === undefined) return optional || compare.negative;
      return values.some((pattern) => compare.equal(pattern, value)) !== compare.negative;
    },
  };
}

const LIST_KEYS: Record<string, ((context: PolicyContext) => string | undefined) | undefined> = {
  's3:prefix': (context) => context.prefix,
  's3:delimiter': (context) => context.delimiter,
};

interface StringOperator {
  equal: (pattern: string, value: string) => boolean;
  negative: boolean;
}
const same = (pattern: string, value: string) => pattern === value;
const STRING_OPERATORS: Record<string, StringOperator | undefined> = {
  StringEquals: { equal: same, negative: false },
  StringNotEquals: { equal: same, negative: true },
  StringLike: { equal: wildcard, negative: false },
  StringNotLike: { equal: wildcard, negative: true },
};

const DATE_OPERATORS: Record<string, ((now: number, time: number) => boolean) | undefined> = {
  DateEquals: (now, time) => now === time,
  DateNotEquals: (now, time) => now !== time,
  DateLessThan: (now, time) => now < time,
  DateLessThanEquals: (now, time) => now <= time,
  DateGreaterThan: (now, time) => now > time,
  DateGreaterThanEquals: (now, time) => now >= time,
};

/** ISO 8601 or seconds since the epoch. */
function parseDate(text: string): number {
  const time = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isNaN(time)) throw new PolicyError(`Not a date: ${text}`);
  return time;
}

function readCidr(text: string): (address: string) => boolean {
  const range = parseCidr(text);
  if (range === undefined) {
    throw new PolicyError(`Not an address or range (${IP_FAMILIES.join(', ')}): ${text}`);
  }
  return range;
}

/** A Deny that matches decides; else an Allow that matches; else no. */
export function isAllowed(statements: Iterable<Statement>, context: PolicyContext): boolean {
  let allowed = false;
  for (const statement of statements) {
    if (!applies(statement, context)) continue;
    if (statement.effect === 'Deny') return false;
    allowed = true;
  }
  return allowed;
}

function applies(statement: Statement, context: PolicyContext): boolean {
  const action = context.action.toLowerCase();
  return (
    statement.actions.some((pattern) => wildcard(pattern, action)) &&
    statement.resources.some((pattern) => wildcard(pattern, context.resource)) &&
    statement.conditions.every((condition) => condition.holds(context))
  );
}

/**
 * `*` is any run of characters, `?` is one. Time is linear in practice and at worst the product
 * of both lengths, whatever the pattern: a tenant's key cannot make the store stall.
 */
export function wildcard(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let index = 0;
  while (index < text.length) {
    if (at < pattern.length && pattern[at] === '*') {
      star = at;
      at += 1;
      resume = index;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[index])) {
      at += 1;
      index += 1;
    } else if (star >= 0) {
      at = star + 1;
      resume += 1;
      index = resume;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}
