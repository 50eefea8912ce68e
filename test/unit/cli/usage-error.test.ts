import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { parse } from '@oclif/core/parser';
import { expect, test } from 'vitest';
import { durationFlag, parseDuration } from '../../../src/cli/duration-flag.ts';
import { usageReport, type Call } from '../../../src/cli/usage-error.ts';

const input = {
  flags: {
    mode: Flags.option({ options: ['mount', 'bisync', 'both'] as const })(),
    path: Flags.string(),
    port: Flags.integer({ min: 1 }),
    timeout: durationFlag({ leastMs: 1 }),
    json: Flags.boolean({ exclusive: ['output'] }),
    output: Flags.string(),
    name: Flags.string({ required: true }),
  },
  args: { id: Args.string({ required: true }) },
};

/** What the real parser makes of a command line, in our words. */
async function said(argv: string[], call: Call = {}): Promise<string> {
  const error: unknown = await parse(argv, { ...input, strict: true }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const flags = new Map(Object.keys(input.flags).map((name) => [name, undefined]));
  const report = usageReport(error, { command: 'thing', flags, argv, ...call });
  expect(report).toMatchObject({ code: 'usage', exitCode: 2 });
  expect(report?.suggestions.at(-1)).toBe('cloud thing --help');
  return [report?.message, ...(report?.suggestions.slice(0, -1) ?? [])].join(' ');
}

const whole = ['id', '--name', 'x'];

test.each<[string[], string]>([
  [['--moed', 'mount'], '`cloud thing` has no flag --moed. Did you mean --mode?'],
  [['--token=hunter2hunter2'], '`cloud thing` has no flag --token.'],
  [['--mode', 'moutn'], '--mode takes mount, bisync or both, not moutn. Did you mean mount?'],
  [['--mode'], '--mode needs a value: mount, bisync or both.'],
  [['--path'], '--path needs a value.'],
  [['--port', 'many'], '--port takes a whole number, not many.'],
  [['--port', '0'], '--port takes a whole number of at least 1, not 0.'],
  [['--timeout', 'soon'], '--timeout takes a time such as 90s, 10m or 1h, not soon.'],
  [['--timeout', '0s'], '--timeout takes a time such as 90s, 10m or 1h, not 0s.'],
  [['--path', 'a', '--path', 'b'], '--path can be given only once.'],
  [['--json', '--output', 'tsv'], '--output and --json cannot be given together.'],
  [['hunter2hunter2'], '`cloud thing` does not take that many arguments.'],
])('%j', async (argv, words) => {
  expect(await said([...whole, ...argv])).toBe(words);
});

test.each<[string, number | undefined]>([
  ['90', 90_000],
  ['90s', 90_000],
  ['1.5m', 90_000],
  [' 2 h ', 7_200_000],
  ['1d', 86_400_000],
  ['250ms', 250],
  ['', undefined],
  ['-1s', undefined],
  ['1e3', undefined],
  ['99999999999999999d', undefined],
  ['1 week', undefined],
])('the time %j is %j ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test('the colours that a terminal gets do not hide what the parser said', () => {
  const error = Object.assign(
    new Error(
      'The following error occurred:\n \u001b[2m--fix=true cannot also be provided when using --dry-run\u001b[22m',
    ),
    { oclif: { exit: 2 } },
  );
  expect(usageReport(error)?.message).toBe('--fix and --dry-run cannot be given together.');
});

test('what is missing is named', async () => {
  expect(await said(['id'])).toBe('--name is needed.');
  expect(await said(['--name', 'x'])).toBe('Missing: ID.');
});

test('a value that nobody typed is of the variable it came from', () => {
  const error = Object.assign(new Error('Expected --mode=x to be one of: mount, both'), {
    oclif: {},
  });
  const flags = new Map([['mode', 'CLOUD_MODE']]);
  expect(usageReport(error, { flags, argv: [] })?.message).toBe(
    'CLOUD_MODE takes mount or both, not x.',
  );
  expect(usageReport(error, { flags, argv: ['--mode=x'] })?.message).toContain('--mode takes');
});

test.each([
  [
    'rclone:instal',
    127,
    'There is no command `cloud rclone instal`.',
    /mean `cloud rclone install`/,
  ],
  ['confict:list', 127, 'There is no command `cloud confict list`.', /`cloud conflicts list`/],
  ['sync', 127, 'There is no command `cloud sync`.', /mean `cloud bisync`/],
  ['nonsense', 127, 'There is no command `cloud nonsense`.', /^cloud --help$/],
  ['setup:hunter2hunter2', 2, '`cloud setup` takes no arguments.', /^cloud setup --help$/],
])('command %s', (typed, exitCode, message, suggestion) => {
  const error = Object.assign(new Error(`command ${typed} not found`), { oclif: { exit: 127 } });
  const commands = ['setup', 'config list', 'conflicts list', 'rclone install', 'rclone path'];
  const report = usageReport(error, { commands });
  expect(report).toMatchObject({ exitCode, message });
  expect(report?.suggestions.join('\n')).toMatch(suggestion);
});

test('any other error is none of ours', () => {
  expect(usageReport(new TypeError('x is not a function'))).toBeUndefined();
});
