import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import * as z from 'zod';

const root = resolve(import.meta.dirname, '../..');

const Manifest = z.object({
  commands: z.record(
    z.string(),
    z.object({
      hidden: z.boolean().optional(),
      summary: z.string().optional(),
      description: z.string().optional(),
      examples: z.array(z.union([z.string(), z.object({ command: z.string() })])).optional(),
    }),
  ),
});

export interface HelpedCommand {
  /** As it is typed: `api-keys add`. */
  name: string;
  summary: string | undefined;
  description: string | undefined;
  examples: string[];
}

/** What the help of every command that people see says. */
export async function helpedCommands(): Promise<HelpedCommand[]> {
  const { commands } = Manifest.parse(
    JSON.parse(await readFile(`${root}/oclif.manifest.json`, 'utf8')),
  );
  return Object.entries(commands).flatMap(
    ([id, { hidden, summary, description, examples = [] }]) => {
      const name = id.replaceAll(':', ' ');
      const typed = examples.map((example) =>
        (typeof example === 'string' ? example : example.command)
          .replaceAll('<%= config.bin %>', 'cloud')
          .replaceAll('<%= command.id %>', name),
      );
      return hidden === true ? [] : [{ name, summary, description, examples: typed }];
    },
  );
}

/** An example of the help, and how it turns out. */
export interface Step {
  /** As the help has it. */
  example: string;
  /** In what it prints, on stdout or stderr; or what is in the JSON that it prints. */
  says: RegExp | object;
  /** Default 0. */
  exitCode?: number;
  /** What stands for something of the reader's: an id, an address. */
  swap?: Readonly<Record<string, string>>;
  /** It goes on until Ctrl-C, which is sent once it has said that. */
  goesOn?: boolean;
  /** It is typed in a terminal. */
  terminal?: boolean;
}

export interface StepEnd {
  exitCode: number;
  /** On stdout and stderr, as it came. */
  printed: string;
  stdout: string;
}

/** Runs an example in bash, as a reader would. */
export async function play(
  { example, swap = {}, goesOn = false, terminal = false, says }: Step,
  where: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<StepEnd> {
  const line = Object.entries(swap).reduce(
    (text, [from, to]) => text.replaceAll(from, to),
    example,
  );
  // A shell that goes on itself would not hand on the signal.
  const script = goesOn ? `exec ${line}` : line;
  const child = terminal
    ? spawn('script', ['-qec', script, '/dev/null'], { ...where, stdio: ['pipe', 'pipe', 'pipe'] })
    : spawn('bash', ['-euo', 'pipefail', '-c', script], {
        ...where,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
  let printed = '';
  let stdout = '';
  let ended = false;
  const hear = (chunk: Buffer): void => {
    printed += chunk.toString();
    if (!goesOn || ended || !(says instanceof RegExp && says.test(printed))) return;
    ended = true;
    child.kill('SIGINT');
  };
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    hear(chunk);
  });
  child.stderr.on('data', hear);
  const late = setTimeout(() => child.kill('SIGKILL'), 90_000);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(late);
  return { exitCode: code ?? -1, printed, stdout };
}
