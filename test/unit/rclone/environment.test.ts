import { devNull } from 'node:os';
import { expect, test } from 'vitest';
import { rcloneEnvironment } from '../../../src/rclone/environment.ts';

const own = {
  PATH: '/usr/bin',
  HTTPS_PROXY: 'http://proxy:3128',
  AWS_PROFILE: 'work',
  AWS_ACCESS_KEY_ID: 'mine',
  AWS_SECRET_ACCESS_KEY: 'my own secret',
  aws_session_token: 'lower case, as Windows has it',
  RCLONE_CONFIG: '/home/me/.config/rclone/rclone.conf',
  RCLONE_S3_ENDPOINT: 'https://elsewhere.example',
  CLOUD_TOKEN: 'cloud_key_abc_secret',
};

test("rclone gets our keys and none of the person's settings", () => {
  const env = rcloneEnvironment(own, { accessKeyId: 'AK', secretAccessKey: 'SK' });
  expect(env).toMatchObject({
    PATH: '/usr/bin',
    HTTPS_PROXY: 'http://proxy:3128',
    AWS_ACCESS_KEY_ID: 'AK',
    AWS_SECRET_ACCESS_KEY: 'SK',
    AWS_EC2_METADATA_DISABLED: 'true',
  });
  expect(JSON.stringify(env)).not.toMatch(/mine|my own secret|lower case|elsewhere|cloud_key|work/);
  expect(Object.keys(env).filter((name) => name.startsWith('RCLONE_'))).toEqual(['RCLONE_CONFIG']);
  expect(env['RCLONE_CONFIG']).toBe(devNull);
});

test('without keys there are none at all', () => {
  const env = rcloneEnvironment(own);
  expect(env['AWS_ACCESS_KEY_ID']).toBeUndefined();
  expect(env['AWS_SECRET_ACCESS_KEY']).toBeUndefined();
});
