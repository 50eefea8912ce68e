import { describe, expect, it } from 'vitest';
import { bucketPolicy, type BucketGrant } from '../../../src/server/domain/bucket-policy.ts';

const grant: BucketGrant = {
  ...{ bucket: 'cloud-acme-1', prefix: null, permission: 'rw', expiresAt: null, sourceIps: null },
};

describe('bucketPolicy', () => {
  it('names one bucket, what rclone needs in it, and no more', () => {
    expect(bucketPolicy(grant)).toEqual({
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'List',
          Effect: 'Allow',
          Action: ['s3:ListBucket', 's3:ListBucketMultipartUploads'],
          Resource: ['arn:aws:s3:::cloud-acme-1'],
        },
        {
          Sid: 'Objects',
          Effect: 'Allow',
          Action: [
            's3:GetObject',
            's3:PutObject',
            's3:DeleteObject',
            's3:AbortMultipartUpload',
            's3:ListMultipartUploadParts',
          ],
          Resource: ['arn:aws:s3:::cloud-acme-1/*'],
        },
        {
          Sid: 'NoOtherBuckets',
          Effect: 'Deny',
          Action: ['s3:CreateBucket', 's3:ListAllMyBuckets'],
          Resource: ['*'],
        },
      ],
    });
  });

  it('has its end in every allowance, in whole seconds', () => {
    const text = JSON.stringify(bucketPolicy({ ...grant, expiresAt: '2026-12-01T10:00:00.000Z' }));
    const ends = text.split('"DateLessThan":{"aws:CurrentTime":"2026-12-01T10:00:00Z"}').length - 1;
    expect(ends).toBe(2);
  });

  it('keeps lists and objects to the prefix', () => {
    const text = JSON.stringify(bucketPolicy({ ...grant, prefix: 'notes/' }));
    expect(text).toContain('"StringLike":{"s3:prefix":["notes/*"]}');
    expect(text).toContain('"arn:aws:s3:::cloud-acme-1/notes/*"');
    expect(text).not.toContain('"arn:aws:s3:::cloud-acme-1/*"');
  });

  it('says in every allowance where it may be used from', () => {
    const text = JSON.stringify(bucketPolicy({ ...grant, sourceIps: ['10.0.0.0/8', '::1/128'] }));
    const from = text.split('"IpAddress":{"aws:SourceIp":["10.0.0.0/8","::1/128"]}').length - 1;
    expect(from).toBe(2);
  });
});
