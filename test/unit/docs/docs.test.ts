import { existsSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HELP_TOPICS } from '../../../src/output/help-topics.ts';
import { ExitCode } from '../../../src/output/exit-codes.ts';

const root = resolve(import.meta.dirname, '../../..');

interface Manifest {
  commands: Record<
    string,
    { hidden?: boolean; flags: Record<string, { env?: string; hidden?: boolean }> }
  >;
}

const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');
const manifest = async (): Promise<Manifest> =>
  JSON.parse(await read('oclif.manifest.json')) as Manifest;

async function pages(): Promise<string[]> {
  const paths = ['README.md'];
  for await (const path of glob('docs/**/*.md', { cwd: root })) paths.push(path);
  return paths;
}

describe('the documentation', () => {
  test('every relative link leads somewhere', async () => {
    const broken: string[] = [];
    for (const page of await pages()) {
      for (const [, target] of (await read(page)).matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)/g)) {
        if (!existsSync(join(root, dirname(page), target!))) broken.push(`${page}: ${target!}`);
      }
    }
    expect(broken).toEqual([]);
  });

  test('every command that a page names exists', async () => {
    const { commands } = await manifest();
    const known = new Set(Object.keys(commands).flatMap((id) => prefixes(id.split(':'))));
    for (const { name } of HELP_TOPICS) known.add(`help:${name}`);
    const unknown: string[] = [];
    for (const page of [
      'README.md',
      'docs/environment.md',
      'docs/exit-codes.md',
      'docs/server.md',
    ]) {
      const text = (await read(page)).replace(/^## Not there yet[\s\S]*?(?=^## |$(?![\s\S]))/m, '');
      for (const [, words] of text.matchAll(
        /`(?:\$ )?cloud ([a-z][a-z -]*?)(?=[`\\|…]| --| ~| \[)/g,
      )) {
        const id = words!.trim().split(' ').join(':');
        if (!known.has(id)) unknown.push(`${page}: cloud ${words!}`);
      }
    }
    expect(unknown).toEqual([]);
  });

  test('every environment variable of a flag is in the table', async () => {
    const table = await read('docs/environment.md');
    const { commands } = await manifest();
    for (const { flags } of Object.values(commands)) {
      for (const { env } of Object.values(flags)) {
        if (env !== undefined) expect(table, env).toContain(`\`${env}\``);
      }
    }
  });

  test('the exit codes of the table are those of the program', async () => {
    const table = await read('docs/exit-codes.md');
    const rows = [...table.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, codes]) =>
      codes!.split(',').map(Number),
    );
    expect(rows.sort((a, b) => a - b)).toEqual(Object.values(ExitCode).sort((a, b) => a - b));
  });

  test('every command that people see has a summary and two examples', async () => {
    const { commands } = (await manifest()) as unknown as {
      commands: Record<string, { hidden?: boolean; summary?: string; examples?: unknown[] }>;
    };
    for (const [id, { hidden, summary, examples }] of Object.entries(commands)) {
      if (hidden === true) continue;
      expect(summary, id).toMatch(/\.$/);
      expect(examples?.length ?? 0, id).toBeGreaterThanOrEqual(2);
    }
  });
});

function prefixes(words: string[]): string[] {
  return words.map((_, index) => words.slice(0, index + 1).join(':'));
}
