import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseIgnoreText, PathFilter } from '../../../src/bisync/filters/path-filter.ts';
import { rcloneRules } from '../../../src/bisync/filters/rclone-rules.ts';
import type { Rclone } from '../../../src/rclone/rclone.ts';
import { realRclone } from '../../support/rclone.ts';

/**
 * Three judges of one ignore file: git itself, our matcher, and a real rclone with the rules that
 * are compiled for it. Random trees of few names, so that patterns hit; random patterns of all that
 * git knows. `CLOUD_TEST_RUNS` sets the number of them.
 */
const RUNS = Number(process.env['CLOUD_TEST_RUNS'] ?? 60);

let home: string;
let rclone: Rclone;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cloud-filters-'));
  rclone = await realRclone();
  await run('git', ['init', '-q', join(home, 'git')]);
});
afterAll(() => rm(home, { recursive: true, force: true }));

function run(program: string, args: string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      // git ends with 1 when nothing is ignored.
      if (error !== null && error.code !== 1) reject(new Error(stderr, { cause: error }));
      else resolve(stdout);
    });
    child.stdin?.end(input);
  });
}

/** What git ignores of these files, by the rules and not by what it tracks. */
async function ignoredByGit(folder: string, files: readonly string[]): Promise<string[]> {
  const out = await run(
    'git',
    [
      '-C',
      folder,
      '-c',
      'core.ignoreCase=false',
      'check-ignore',
      '--no-index',
      '-v',
      '-n',
      '-z',
      '--stdin',
    ],
    files.map((file) => `${file}\0`).join(''),
  );
  // Four fields a file: the source, the line, the pattern, the path.
  const fields = out.split('\0');
  return files.filter((_, index) => {
    const pattern = fields[index * 4 + 2] ?? '';
    return pattern !== '' && !pattern.startsWith('!');
  });
}

async function keptByRclone(folder: string, rules: string): Promise<Set<string>> {
  const path = join(home, `rules-${Math.random()}`);
  await writeFile(path, rules);
  const out = await run(rclone.path, ['lsf', '-R', '--files-only', '--filter-from', path, folder]);
  await rm(path);
  return new Set(out.split('\n').filter((line) => line !== ''));
}

const NAMES = [
  'a',
  'b',
  'ab',
  'ba',
  'a.b',
  'A',
  '.a',
  'a b',
  '[a]',
  '{a,b}',
  '-',
  'x-1',
  '#a',
  '!a',
];

const tree = fc
  .array(fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 25,
  })
  .map((paths) => withoutClashes(paths.map((names) => names.join('/'))));

/** A path cannot be a file and a folder. */
function withoutClashes(paths: readonly string[]): string[] {
  const all = [...new Set(paths)];
  return all.filter((path) => !all.some((other) => other.startsWith(`${path}/`)));
}

const atom = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'ab', '.a', 'a.b', 'A', '-', 'x', '1', ' ') },
  { weight: 3, arbitrary: fc.constantFrom('*', '?', '**', '***') },
  { weight: 4, arbitrary: fc.constantFrom('/', '/', '/**/', '**/', '/**') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...['[a]', '[!a]', '[^a]', '[a-b]', '[b-a]', '[]a]', '[a-]', '[[:alpha:]]', '[![:digit:]]'],
      ...['[[:nope:]]', '[a', '[\\]]', '[a/b]', '[.-a]', '[[:]'],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\\a', '\\*', '\\[', '\\/', '\\ ', '\\', '{a,b}', '#', '!'),
  },
);
const line = fc
  .tuple(
    fc.constantFrom('', '', '', '!', '!', '/', '!/', '#', '\\!', '\\#'),
    fc.array(atom, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
    fc.constantFrom('', '', '', '/', '/', ' ', '\\ ', '\r', '\t'),
  )
  .map((parts) => parts.join(''));
const ignoreText = fc.array(line, { minLength: 1, maxLength: 8 }).map((lines) => lines.join('\n'));

async function makeTree(folder: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), '');
  }
}

describe('an ignore file', () => {
  it('means the same to git, to us and to rclone', { timeout: 300_000 }, async () => {
    let [compared, inexact] = [0, 0];
    await fc.assert(
      fc.asyncProperty(tree, ignoreText, ignoreText, async (files, text, nested) => {
        const folder = await mkdtemp(join(home, 'git', 't-'));
        try {
          await makeTree(folder, files);
          await writeFile(join(folder, '.gitignore'), text);
          const below = files.find((file) => file.includes('/'))?.split('/')[0];
          if (below !== undefined) await writeFile(join(folder, below, '.gitignore'), nested);
          const inside =
            below === undefined
              ? []
              : parseIgnoreText(nested, { file: `${below}/.gitignore`, base: `${below}/` });
          const top = new PathFilter(parseIgnoreText(text, { file: '.gitignore', base: '' }));
          const rules =
            below !== undefined && top.ignores(below, 'folder')
              ? top.rules
              : [...top.rules, ...inside];
          const filter = new PathFilter(rules);
          const byGit = await ignoredByGit(folder, files);
          const byUs = files.filter((file) => filter.ignores(file, 'file'));
          expect(byUs).toEqual(byGit);
          expect(files.filter((file) => filter.decide(file, 'file').ignored)).toEqual(byGit);
          const compiled = await rcloneRules(rules);
          const kept = await keptByRclone(folder, compiled.text);
          const byRclone = files.filter((file) => !kept.has(file));
          if (compiled.exact) expect(byRclone).toEqual(byGit);
          // What it cannot say it lists, and never the other way round.
          else expect(byGit).toEqual(expect.arrayContaining(byRclone));
          inexact += compiled.exact ? 0 : 1;
          compared += files.length;
        } finally {
          await rm(folder, { recursive: true });
        }
      }),
      { numRuns: RUNS },
    );
    expect(compared).toBeGreaterThan(RUNS);
    console.info(`${RUNS} ignore files, ${compared} files; too large to compile: ${inexact}`);
    expect(inexact).toBeLessThanOrEqual(Math.ceil(RUNS / 20));
  });
});
