import type { BucketAccess } from '../session/bucket-access.ts';
import type { BucketObjects } from './recover.ts';
import type { Vfs } from './vfs.ts';

/**
 * The bucket as recovering the cache needs it: rclone knows the MD5 of an object also where it was
 * uploaded in parts; its content comes over a connection of our own, as nothing is mounted yet.
 */
export function openBucketObjects(vfs: Pick<Vfs, 'md5'>, access: BucketAccess): BucketObjects {
  return {
    md5: (name) => vfs.md5(name),
    read: async (name) => {
      // Hardly ever needed, so not loaded with every mount.
      const { createS3Client } = await import('../s3/client.ts');
      const { isS3Failure } = await import('../s3/errors.ts');
      const s3 = createS3Client(access);
      try {
        const { body } = await s3.get(name);
        body.once('close', () => s3.close());
        return body;
      } catch (error) {
        s3.close();
        if (isS3Failure(error, 'not-found')) return undefined;
        throw error;
      }
    },
  };
}
