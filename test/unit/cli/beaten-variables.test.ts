import { expect, test } from 'vitest';
import { withoutBeatenVariables } from '../../../src/cli/beaten-variables.ts';

const flags = {
  all: { exclusive: ['server'] },
  server: { env: 'CLOUD_SERVER' },
  json: { env: 'CLOUD_JSON', exclusive: ['output'] },
  output: { env: 'CLOUD_OUTPUT', char: 'o' },
};

test.each([
  [['--all'], 'server', undefined],
  [['--output', 'table'], 'json', undefined],
  [['-o', 'table'], 'json', undefined],
  [['--json'], 'output', undefined],
  // Both typed: a mistake that is told.
  [['--all', '--server=http://x'], 'server', 'CLOUD_SERVER'],
  [[], 'server', 'CLOUD_SERVER'],
] as const)('%j leaves of %s the variable %s', (argv, name, env) => {
  expect(withoutBeatenVariables(flags, flags, argv)[name].env).toBe(env);
});
