import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { readTextIfExists, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { IGNORE_FILE } from './filters/ignore-file.ts';
import { temporaryBeside } from './local-file.ts';
import { ignoreLines, parseIgnoreLine } from './filters/ignore-pattern.ts';
import { platformOf } from '../platform/platform.ts';

export interface EditedFilters {
  file: string;
  changed: boolean;
}

const START = `# What is not synced, as in a .gitignore: https://git-scm.com/docs/gitignore
# build/
# *.tmp
# !keep.tmp
`;

/**
 * Lets a person edit the ignore file of a synced folder in their editor, on a private copy. It takes
 * the place of the file at once, and only if every line means something and nobody changed the file
 * meanwhile.
 *
 * @throws AbortError `no-editor` (2), `editor-failed` (1), `filters-malformed` (2),
 * `filters-changed` (1); with the last two the draft is kept and named
 */
export async function editFilters(root: string, host: Host): Promise<EditedFilters> {
  const file = join(root, IGNORE_FILE);
  const before = await readTextIfExists(file);
  const folder = await mkdtemp(join(tmpdir(), 'cloud-filters-'));
  const draft = join(folder, 'cloudignore');
  await writeFile(draft, before ?? START, { mode: 0o600 });
  try {
    await runEditor(draft, host);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const after = await readFile(draft, 'utf8');
  const keep = (code: string, message: string, exitCode: ExitCode): AbortError =>
    new AbortError(code, message, {
      exitCode,
      suggestions: [`Your text is in ${draft}`, 'cloud filters edit'],
      details: { draft },
    });
  const malformed = malformedLines(after);
  if (malformed.length > 0) {
    const where = `${malformed.length === 1 ? 'Line' : 'Lines'} ${malformed.join(', ')}`;
    throw keep(
      'filters-malformed',
      `${where} would match nothing; nothing was changed.`,
      ExitCode.usage,
    );
  }
  if ((await readTextIfExists(file)) !== before) {
    throw keep(
      'filters-changed',
      `${file} was changed meanwhile by something else.`,
      ExitCode.failed,
    );
  }
  const changed = after !== (before ?? START);
  if (changed) {
    const temporary = temporaryBeside(file);
    await writeFileAtomic(file, after, { mode: await modeOf(file), temporary });
  }
  await rm(folder, { recursive: true, force: true });
  return { file, changed };
}

function malformedLines(text: string): number[] {
  return ignoreLines(text).flatMap((line, index) => {
    const pattern = parseIgnoreLine(line);
    return pattern !== undefined && pattern.glob === undefined ? [index + 1] : [];
  });
}

async function modeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).mode & 0o777;
  } catch {
    return 0o644;
  }
}

/** As git does: the variable may hold flags too, so a shell reads it. */
async function runEditor(path: string, { env, platform }: Host): Promise<void> {
  const { unix } = platformOf(platform);
  const chosen = [env['VISUAL'], env['EDITOR']].find((each) => each !== undefined && each !== '');
  const editor = chosen ?? (unix ? 'vi' : 'notepad');
  const [program, args] = unix
    ? ['/bin/sh', ['-c', `${editor} "$1"`, editor, path]]
    : ['cmd.exe', ['/d', '/s', '/c', `"${editor} "${path}""`]];
  const code = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: 'inherit',
      env,
      windowsVerbatimArguments: !unix,
    });
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return;
  throw new AbortError('editor-failed', `The editor (${editor}) ended with ${code}.`, {
    suggestions: ['Choose another one: EDITOR=nano cloud filters edit'],
  });
}
