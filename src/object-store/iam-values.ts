import type { AccessKey } from './access-keys.ts';
import { policyArn, type Policy } from './policies.ts';
import { parsePolicy, PolicyError } from './policy.ts';

/** The form of a request. */
export type Parameters = ReadonlyMap<string, string>;

/** A refusal of the IAM query API. Source: AWS IAM API reference, "Common errors". */
export class IamError extends Error {
  override readonly name = 'IamError';
  readonly code: string;
  readonly status: number;
  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** A result as AWS's query API nests it; lists are `member` elements in XML and arrays in JSON. */
export type IamValue = string | number | boolean | IamValue[] | { [name: string]: IamValue };

export interface Page<T> {
  items: T[];
  IsTruncated: boolean;
  Marker?: string;
}

export function paging(parameters: Parameters): { after: string; limit: number } {
  const text = parameters.get('MaxItems') ?? '100';
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw invalid('MaxItems must be 1 to 1000.');
  return { after: parameters.get('Marker') ?? '', limit };
}

export function paged<T>(found: T[], limit: number, marker: (item: T) => string): Page<T> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  if (found.length <= limit || last === undefined) return { items, IsTruncated: false };
  return { items, IsTruncated: true, Marker: marker(last) };
}

export function one<T>(item: T | undefined): T[] {
  return item === undefined ? [] : [item];
}

export function keyResult(key: AccessKey): Record<string, IamValue> {
  return {
    UserName: key.label,
    AccessKeyId: key.id,
    Status: key.status,
    CreateDate: new Date(key.created).toISOString(),
  };
}

/** The shape of `?Detailed`, which Tigris's own SDK asks for (@tigrisdata/iam 2.6.0). */
export function detailedKey(key: AccessKey): Record<string, IamValue> {
  return {
    access_key_id: key.id,
    username: key.label,
    created_at: new Date(key.created).toISOString(),
    status: key.status === 'Active' ? 'active' : 'inactive',
    namespace_id: 'local',
    buckets_role: [],
  };
}

export function policyResult(policy: Policy): Record<string, IamValue> {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policyArn(policy.name),
    Path: '/',
    DefaultVersionId: `v${policy.version}`,
    AttachmentCount: policy.attachments,
    IsAttachable: true,
    Description: policy.description,
    CreateDate: new Date(policy.created).toISOString(),
    UpdateDate: new Date(policy.updated).toISOString(),
  };
}

export function checkedDocument(document: string): string {
  try {
    parsePolicy(document);
    return document;
  } catch (error) {
    if (error instanceof PolicyError)
      throw new IamError('MalformedPolicyDocument', 400, error.message);
    throw error;
  }
}

export function required(parameters: Parameters, name: string): string {
  const value = parameters.get(name);
  if (value === undefined || value === '') throw invalid(`The parameter ${name} is required.`);
  return value;
}

export function invalid(message: string): IamError {
  return new IamError('ValidationError', 400, message);
}

export function noSuchEntity(message: string): IamError {
  return new IamError('NoSuchEntity', 404, message);
}

export function noSuchKey(id: string): IamError {
  return noSuchEntity(`The access key ${id} cannot be found.`);
}
