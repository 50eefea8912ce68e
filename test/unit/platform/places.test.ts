import { expect, test } from 'vitest';
import { openFolder } from '../../../src/bisync/sync-context.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { inHome, resolvePlaces } from '../../../src/platform/places.ts';

test.each([
  [
    'linux' as const,
    '/home/ada',
    {},
    [
      '/home/ada/.config/cloud-cli',
      '/home/ada/.local/state/cloud-cli',
      '/home/ada/.local/share/cloud-cli',
      '/home/ada/.cache/cloud-cli',
    ],
  ],
  [
    'linux' as const,
    '/home/ada',
    { XDG_STATE_HOME: '/var/state', XDG_CACHE_HOME: 'relative/is/ignored' },
    [
      '/home/ada/.config/cloud-cli',
      '/var/state/cloud-cli',
      '/home/ada/.local/share/cloud-cli',
      '/home/ada/.cache/cloud-cli',
    ],
  ],
  [
    'darwin' as const,
    '/Users/ada',
    {},
    [
      '/Users/ada/Library/Application Support/cloud-cli/config',
      '/Users/ada/Library/Application Support/cloud-cli/state',
      '/Users/ada/Library/Application Support/cloud-cli/data',
      '/Users/ada/Library/Caches/cloud-cli',
    ],
  ],
  [
    'win32' as const,
    'C:\\Users\\ada',
    { LOCALAPPDATA: 'D:\\Local' },
    [
      'D:\\Local\\cloud-cli\\config',
      'D:\\Local\\cloud-cli\\state',
      'D:\\Local\\cloud-cli\\data',
      'D:\\Local\\cloud-cli\\cache',
    ],
  ],
  [
    'linux' as const,
    '/home/ada',
    { CLOUD_HOME: '/srv/cloud' },
    ['/srv/cloud/config', '/srv/cloud/state', '/srv/cloud/data', '/srv/cloud/cache'],
  ],
])('%s %s %o', (platform, home, env, [config, state, data, cache]) => {
  expect(resolvePlaces(env, platform, home)).toEqual({ config, state, data, cache, home });
});

test.each([
  ['~', '/home/ada'],
  ['~/notes', '/home/ada/notes'],
  ['~ada/notes', '~ada/notes'],
  ['a/~/b', 'a/~/b'],
  [undefined, undefined],
])('a tilde that a shell left in %s is the home', (path, expected) => {
  expect(inHome(path, { home: '/home/ada' })).toBe(expected);
});

test('the folder of a command may be named with a tilde', async () => {
  const env = { CLOUD_HOME: '/nowhere' };
  const places = resolvePlaces(env, 'linux', '/home/ada');
  const host = { env, platform: 'linux' as const, places, clock: systemClock };
  const request = { session: {}, path: '~/notes' };
  expect(await openFolder(request, host)).toMatchObject({ root: '/home/ada/notes' });
});
