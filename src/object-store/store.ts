import type { Clock } from '../platform/clock.ts';
import type { AccessKeys, Identity } from './access-keys.ts';
import type { Bodies } from './bodies.ts';
import type { BodyFiles } from './body-files.ts';
import type { Buckets } from './buckets.ts';
import type { Database } from './database.ts';
import { S3Error } from './errors.ts';
import type { Faults } from './faults.ts';
import type { Iam } from './iam.ts';
import type { Notifier } from './notifications.ts';
import type { Objects } from './objects.ts';
import { isAllowed, type PolicyContext, type S3Action } from './policy.ts';
import type { Reply, StoreRequest } from './request.ts';
import type { VerifiedSignature } from './sigv4.ts';
import type { Stamps } from './stamps.ts';
import type { Uploads } from './uploads.ts';

/** The parts of a running store that operations work on. */
export interface Store {
  readonly database: Database;
  readonly bodies: Bodies;
  readonly files: BodyFiles;
  readonly buckets: Buckets;
  readonly objects: Objects;
  readonly uploads: Uploads;
  readonly keys: AccessKeys;
  readonly iam: Iam;
  readonly stamps: Stamps;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly notifier: Notifier;
}

/** A request whose signature has been checked. */
export interface Call {
  readonly store: Store;
  readonly request: StoreRequest;
  readonly identity: Identity;
  readonly signature: VerifiedSignature;
  /** Last line of the canonical request: a hash, or what stands in its place. */
  readonly payloadHash: string;
}

export type Operation = (call: Call) => Reply | Promise<Reply>;

/** S3 name space of all result documents. */
export const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

export function bucketArn(bucket: string): string {
  return `arn:aws:s3:::${bucket}`;
}

/** @throws S3Error AccessDenied */
export function authorize(
  call: Call,
  action: S3Action,
  resource: string,
  list?: Pick<PolicyContext, 'prefix' | 'delimiter'>,
): void {
  if (mayDo(call, action, resource, list)) return;
  throw new S3Error('AccessDenied', 'Access Denied', { Action: action, Resource: resource });
}

export function mayDo(
  call: Call,
  action: S3Action,
  resource: string,
  list: Pick<PolicyContext, 'prefix' | 'delimiter'> = {},
): boolean {
  const { identity, request, store } = call;
  if (identity.admin) return true;
  const context = { action, resource, sourceIp: request.sourceIp, now: store.clock.now(), ...list };
  return isAllowed(identity.statements, context);
}

/** The bucket and key of an object request, once the caller may do `action` to it. */
export function objectOf(call: Call, action: S3Action): { bucket: string; key: string } {
  const { bucket, key } = call.request;
  if (bucket === undefined || key === undefined) throw new Error('not an object request');
  authorize(call, action, `${bucketArn(bucket)}/${key}`);
  return { bucket, key };
}

/** The bucket of a bucket request, once the caller may do `action` to it. */
export function bucketOf(call: Call, action: S3Action): string {
  const { bucket } = call.request;
  if (bucket === undefined) throw new Error('not a bucket request');
  authorize(call, action, bucketArn(bucket));
  return bucket;
}

export function xmlReply(body: string, headers: Record<string, string | undefined> = {}): Reply {
  return { status: 200, headers: { 'content-type': 'application/xml', ...headers }, body };
}
