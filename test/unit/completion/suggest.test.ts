import { expect, test } from 'vitest';
import { suggest, type CommandTree, type KnownNames } from '../../../src/completion/suggest.ts';

const flags: CommandTree['commands'][string]['flags'] = {
  json: { type: 'boolean', description: 'Print JSON.' },
  color: { type: 'boolean', allowNo: true },
  profile: { type: 'option', char: 'p', helpValue: 'NAME' },
  context: { type: 'option' },
  path: { type: 'option', helpValue: 'DIR' },
  secret: { type: 'option', hidden: true },
  keep: { type: 'option', options: ['local', 'cloud'] },
};
const command = (args: Record<string, { options?: string[] }> = {}) => ({
  ...{ summary: 'Does it.', flags, args },
});
const tree: CommandTree = {
  commands: {
    mount: command(),
    'conflicts:list': command(),
    'conflicts:resolve': command({ file: {} }),
    'filters:test': command({ path: {} }),
    'context:use': command({ name: {} }),
    completion: command({ shell: { options: ['bash', 'zsh'] } }),
    'config:set': command({ key: {}, value: {} }),
    'config:get': command({ key: {} }),
    help: command({ command: {} }),
    complete: { ...command(), hidden: true },
  },
};
const names: KnownNames = {
  profiles: () => Promise.resolve([{ value: 'fast' }, { value: 'train' }]),
  contexts: () => Promise.resolve([{ value: 'acme' }]),
  conflicts: () => Promise.resolve([{ value: 'notes/a b.md' }]),
  mounts: () => Promise.resolve([]),
  topics: [{ value: 'exit-codes' }],
  settings: [
    { value: 'profile', values: ['safe', 'fast'] },
    { value: 'server', values: [] },
  ],
};

test.each<[string[], string[] | 'files' | 'folders']>([
  [['mo'], ['mount']],
  [['com'], ['completion']],
  [['conf'], ['conflicts', 'config']],
  [
    ['conflicts', ''],
    ['list', 'resolve'],
  ],
  [['conflicts', 'resolve', ''], ['notes/a b.md']],
  [['conflicts', 'resolve', '--keep', 'local', 'no'], ['notes/a b.md']],
  [
    ['conflicts', 'resolve', '--keep', ''],
    ['local', 'cloud'],
  ],
  [['conflicts', 'resolve', '--keep=l'], ['--keep=local']],
  [
    ['mount', '--p'],
    ['--profile', '--path'],
  ],
  [['mount', '--profile', 't'], ['train']],
  [
    ['mount', '-p', ''],
    ['fast', 'train'],
  ],
  [['mount', '--profile', 'fast', '--p'], ['--path']],
  [['mount', '--no'], ['--no-color']],
  [['--'], ['--help', '--version']],
  [['conflicts', '-'], ['--help']],
  [['mount', '--h'], ['--help']],
  [
    ['config', 'set', ''],
    ['profile', 'server'],
  ],
  [['config', 'set', 'profile', 'f'], ['fast']],
  [['config', 'set', '--json', 'profile', 'f'], ['fast']],
  [['config', 'set', 'server', ''], []],
  [['config', 'set', 'profile', 'fast', ''], []],
  [['config', 'get', 'pro'], ['profile']],
  [['config', 'get', 'profile', ''], []],
  [['mount', '--se'], []],
  [['mount', '--path', ''], 'folders'],
  [['mount', '--', ''], 'files'],
  [['mount', ''], []],
  [['filters', 'test', ''], 'files'],
  [['context', 'use', ''], ['acme']],
  [['completion', 'z'], ['zsh']],
  [['help', 'e'], ['exit-codes']],
  [['help', 'conflicts', 'l'], ['list']],
  [['nonsense', ''], []],
])('%j', async (words, expected) => {
  const { kind, candidates } = await suggest(words, tree, names);
  const values = candidates.map(({ value }) => value);
  expect(kind === 'words' ? values : kind).toEqual(expected);
});

test('a topic is offered with what it is about', async () => {
  const topics = { conflicts: { description: 'Files that both sides changed.' } };
  const { candidates } = await suggest(['confl'], { ...tree, topics }, names);
  expect(candidates).toEqual([{ value: 'conflicts', ...topics.conflicts }]);
});
