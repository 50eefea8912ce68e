import { devNull } from 'node:os';

/** An access key for one bucket. */
export interface S3Keys {
  accessKeyId: string;
  secretAccessKey: string;
}

/**
 * The environment of an rclone that we start. The person's own `AWS_*` and `RCLONE_*` would change
 * what our command line means, and their AWS profile could redirect requests, so both are taken
 * away; `CLOUD_*` may hold our own token. `keys` are how a spawned run gets its access key.
 */
export function rcloneEnvironment(env: NodeJS.ProcessEnv, keys?: S3Keys): NodeJS.ProcessEnv {
  return {
    ...withoutOurs(env),
    // Without it, even `rclone help` makes a folder for the person's configuration.
    RCLONE_CONFIG: devNull,
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    AWS_EC2_METADATA_DISABLED: 'true',
    ...(keys === undefined
      ? {}
      : { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey }),
  };
}

/** The environment for another program: without our token, the person's keys, rclone's settings. */
export function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(AWS|RCLONE|CLOUD)_/i.test(name)),
  );
}
