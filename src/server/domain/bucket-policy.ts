export interface BucketGrant {
  bucket: string;
  /** Ends with a slash; null for the whole bucket. */
  prefix: string | null;
  permission: 'rw' | 'ro';
  /** RFC 3339; null when it does not end by itself. */
  expiresAt: string | null;
  /** Ranges of addresses that it may be used from; null for anywhere. */
  sourceIps: readonly string[] | null;
}

/**
 * The policy of one mount credential: what rclone needs in one bucket and nothing else. Its end and
 * where it may be used from are in the policy itself, so that they hold while our server is down.
 */
export function bucketPolicy(grant: BucketGrant): object {
  const bucket = `arn:aws:s3:::${grant.bucket}`;
  const writes = grant.permission === 'rw';
  const until =
    grant.expiresAt === null
      ? {}
      : { DateLessThan: { 'aws:CurrentTime': grant.expiresAt.replace(/\.\d+Z$/, 'Z') } };
  const from =
    grant.sourceIps === null ? {} : { IpAddress: { 'aws:SourceIp': [...grant.sourceIps] } };
  const below = grant.prefix === null ? {} : { StringLike: { 's3:prefix': [`${grant.prefix}*`] } };
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'List',
        Effect: 'Allow',
        Action: ['s3:ListBucket', ...(writes ? ['s3:ListBucketMultipartUploads'] : [])],
        Resource: [bucket],
        ...condition({ ...until, ...from, ...below }),
      },
      {
        Sid: 'Objects',
        Effect: 'Allow',
        Action: ['s3:GetObject', ...(writes ? WRITES : [])],
        Resource: [`${bucket}/${grant.prefix ?? ''}*`],
        ...condition({ ...until, ...from }),
      },
      {
        // A key may be allowed these by default, whatever its policies say.
        Sid: 'NoOtherBuckets',
        Effect: 'Deny',
        Action: ['s3:CreateBucket', 's3:ListAllMyBuckets'],
        Resource: ['*'],
      },
    ],
  };
}

const WRITES = [
  's3:PutObject',
  's3:DeleteObject',
  's3:AbortMultipartUpload',
  's3:ListMultipartUploadParts',
];

function condition(conditions: Record<string, unknown>): { Condition?: Record<string, unknown> } {
  return Object.keys(conditions).length === 0 ? {} : { Condition: conditions };
}
