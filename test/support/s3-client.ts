import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';

/** An S3 client that nobody here wrote, with a key as the server handed it out. */
export function s3ClientFor(
  credential: { endpoint_url: string; region: string; access_key: string; secret_key: string },
  more: S3ClientConfig = {},
): S3Client {
  return new S3Client({
    ...more,
    endpoint: credential.endpoint_url,
    region: credential.region,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: credential.access_key, secretAccessKey: credential.secret_key },
  });
}
