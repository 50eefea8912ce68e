import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { execa } from 'execa';

const binary = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export interface TerminalRun {
  exitCode: number;
  /** Everything that was written to the terminal, without colours and cursor movements. */
  screen: string;
  /** The same with them. */
  raw: string;
}

/** What is typed once a text is seen after what was typed before, in this order. */
export type Typing = readonly [
  seen: string | RegExp,
  typed: string | ((screen: string) => Promise<string>),
];

/**
 * Runs the built command line on a terminal, by default of 80 × 24 (util-linux's `script`), and types what a
 * person would.
 */
export async function runOnTerminal(
  command: string,
  env: NodeJS.ProcessEnv,
  typing: readonly Typing[],
  columns = 80,
): Promise<TerminalRun> {
  const line = `stty cols ${columns} rows 24; exec ${process.execPath} ${binary} ${command}`;
  const run = execa('script', ['-qec', line, '/dev/null'], {
    env,
    extendEnv: false,
    reject: false,
    stdin: 'pipe',
    timeout: 90_000,
  });
  let screen = '';
  let from = 0;
  let next = 0;
  const type = async (): Promise<void> => {
    const [seen, typed] = typing[next] ?? [];
    if (seen === undefined || typed === undefined) return;
    const rest = stripVTControlCharacters(screen).slice(from);
    if (typeof seen === 'string' ? !rest.includes(seen) : !seen.test(rest)) return;
    next += 1;
    from = stripVTControlCharacters(screen).length;
    const text = typeof typed === 'string' ? typed : await typed(stripVTControlCharacters(screen));
    if (text !== '') run.stdin.write(text);
    await type();
  };
  run.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString();
    void type();
  });
  const { exitCode } = await run;
  return { exitCode: exitCode ?? -1, screen: stripVTControlCharacters(screen), raw: screen };
}
