import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { available } from '../support/available.ts';
import { runCloud } from '../support/run-cloud.ts';
import { openWorkspace } from '../support/workspace.ts';

const binary = resolve(import.meta.dirname, '../../bin/run.js');

interface Shell {
  /** What the shell offers for a command line that ends at the cursor. */
  offers(line: string): Promise<string[]>;
}

/** The words of a line as a shell has them; the last one is at the cursor. */
const wordsOf = (line: string): string[] => line.split(' ');
const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ');

const ask: Record<'bash' | 'zsh' | 'fish', (script: string, line: string) => string> = {
  // It takes = for a word.
  bash: (script, line) => `
    source '${script}'
    COMP_WORDS=(${quoted(wordsOf(line.replace('=', ' = ')))}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _cloud; printf '%s\\n' "\${COMPREPLY[@]}"`,
  // Its own line editor is not there; what would be shown is printed.
  zsh: (script, line) => `
    compdef() { : }
    compset() { print -- "compset $*" }
    _describe() { print -rl -- "\${(@P)2}" }
    _files() { print -- "files $*" }
    source '${script}'
    words=(${quoted(wordsOf(line))}); CURRENT=${wordsOf(line).length}
    _cloud`,
  fish: (script, line) => `source '${script}'; complete -C '${line}'`,
};

async function openShell(name: 'bash' | 'zsh' | 'fish'): Promise<Shell> {
  const { root, env } = await openWorkspace();
  const bin = join(root, 'bin');
  await mkdir(bin);
  await symlink(binary, join(bin, 'cloud'));
  const script = join(root, `completion.${name}`);
  const printed = await runCloud(['completion', name], { env });
  expect(printed).toMatchObject({ exitCode: 0, stderr: '' });
  await writeFile(script, printed.stdout);
  const path = `${bin}:${resolve(import.meta.dirname, '../../node_modules/.bin')}:${env['PATH'] ?? ''}`;
  return {
    offers: async (line) => {
      const { stdout } = await execa(name, ['-c', ask[name](script, line)], {
        ...{ env: { ...env, PATH: path }, extendEnv: false, cwd: root },
      });
      return stdout.split('\n').filter((each) => each !== '');
    },
  };
}

const shells = (['bash', 'zsh', 'fish'] as const).filter(available);

test.each(shells)('%s completes', async (name) => {
  const shell = await openShell(name);
  const first = (offer: string): string => offer.split(/[\t:]/)[0] ?? '';
  const values = async (line: string): Promise<string[]> =>
    (await shell.offers(line)).map(first).sort();
  expect(await values('cloud unm')).toEqual(['unmount']);
  expect(await values('cloud conflicts ')).toEqual(['diff', 'list', 'resolve', 'show']);
  expect(await values('cloud mount --profile ')).toEqual(['balanced', 'fast', 'safe']);
  expect(await values('cloud bisync --dr')).toEqual(['--dry-run']);
  expect(await values('cloud bisync --')).toContain('--dry-run');
  expect((await shell.offers('cloud bisync --path b')).join('\n')).toMatch(/bin|files -\//);
  // zsh completes what stands behind the prefix that it is told of.
  expect((await shell.offers('cloud bisync --path=b')).join('\n')).toMatch(
    /bin|compset -P --\*=\nfiles -\//,
  );
  expect(await values('cloud config set profile f')).toEqual(['fast']);
  expect(await shell.offers('cloud confl')).toEqual([
    expect.stringMatching(/^conflicts([\t:]Files that both sides changed.*)?$/),
  ]);
});
