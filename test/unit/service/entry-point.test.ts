import { expect, test } from 'vitest';
import {
  isFromNpx,
  searchPath,
  serviceEnvironment,
  stableEntry,
} from '../../../src/service/entry-point.ts';

function linked(links: Record<string, string>) {
  return (path: string): string | undefined => links[path] ?? path;
}

test.each([
  [
    'Homebrew: the link that an update keeps',
    '/opt/homebrew/Cellar/node/24.7.0/bin/node',
    '/opt/homebrew/bin:/usr/bin',
    { '/opt/homebrew/bin/node': '/opt/homebrew/Cellar/node/24.7.0/bin/node', '/usr/bin/node': '' },
    '/opt/homebrew/bin/node',
  ],
  [
    'nvm: there is no other path',
    '/home/ada/.nvm/versions/node/v24.7.0/bin/node',
    '/home/ada/.nvm/versions/node/v24.7.0/bin:/usr/bin',
    {},
    '/home/ada/.nvm/versions/node/v24.7.0/bin/node',
  ],
  [
    'fnm: never the folder of one shell',
    '/home/ada/.local/share/fnm/node-versions/v24.7.0/installation/bin/node',
    '/run/user/1000/fnm_multishells/77_1/bin:/usr/bin',
    {
      '/run/user/1000/fnm_multishells/77_1/bin/node':
        '/home/ada/.local/share/fnm/node-versions/v24.7.0/installation/bin/node',
    },
    '/home/ada/.local/share/fnm/node-versions/v24.7.0/installation/bin/node',
  ],
  [
    'a system node is stable itself',
    '/usr/bin/node',
    '/usr/local/bin:/usr/bin',
    {},
    '/usr/bin/node',
  ],
])('%s', (_, node, PATH, links, expected) => {
  const deps = { env: { PATH }, platform: 'linux', realPath: linked(links) } as const;
  expect(stableEntry({ node, script: '/usr/bin/cloud' }, deps)).toEqual({
    node: expected,
    script: '/usr/bin/cloud',
  });
});

test('on Windows too', () => {
  const node = 'C:\\Users\\Ada\\AppData\\Local\\nvm\\v24.7.0\\node.exe';
  const env = { PATH: 'C:\\Windows;C:\\Program Files\\nodejs' };
  const realPath = linked({ 'C:\\Program Files\\nodejs\\node.exe': node });
  expect(
    stableEntry({ node, script: 'C:\\x\\run.js' }, { env, platform: 'win32', realPath }).node,
  ).toBe('C:\\Program Files\\nodejs\\node.exe');
});

test('what npx runs is found out', () => {
  expect(isFromNpx('/home/ada/.npm/_npx/0c1f/node_modules/.bin/cloud')).toBe(true);
  expect(isFromNpx('C:\\Users\\Ada\\AppData\\Local\\npm-cache\\_npx\\0c\\cloud')).toBe(true);
  expect(isFromNpx('/usr/bin/cloud')).toBe(false);
});

test('a service gets the PATH of later logins, our settings, and no secret', () => {
  const env = {
    PATH: '/home/ada/bin:./here:/work/node_modules/.bin:/run/user/1/fnm_multishells/1/bin:/usr/bin',
    CLOUD_HOME: '/home/ada/cloud',
    CLOUD_TOKEN: 'secret',
    AWS_SECRET_ACCESS_KEY: 'secret',
    HTTPS_PROXY: 'http://ada:pass@proxy:3128',
    NO_PROXY: 'localhost',
  };
  const { variables, withheld } = serviceEnvironment(
    { env, platform: 'linux' },
    '/opt/node/bin/node',
    (folder) => folder !== '/sbin',
  );
  expect(variables).toEqual({
    CLOUD_HOME: '/home/ada/cloud',
    NO_PROXY: 'localhost',
    PATH: '/opt/node/bin:/home/ada/bin:/usr/bin:/usr/local/bin:/bin:/usr/local/sbin:/usr/sbin',
  });
  expect(withheld).toEqual(['HTTPS_PROXY']);
  expect(searchPath({ env, platform: 'linux' })).toEqual(['/home/ada/bin', '/usr/bin']);
});
