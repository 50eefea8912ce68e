import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const binary = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

type Line = Record<string, unknown>;

/** A command of the built binary that goes on, with `--json`. It is ended when the test ends. */
export interface RunningCloud {
  /** The documents it has printed so far. */
  lines: readonly Line[];
  /** The first document like this that was or is printed; fails when the command ends before. */
  until(matches: (line: Line) => boolean): Promise<Line>;
  signal(name: NodeJS.Signals): void;
  /** Its exit code, or -1 when a signal ended it. */
  ended: Promise<number>;
  stderr(): string;
}

export function startCloud(args: readonly string[], env: NodeJS.ProcessEnv): RunningCloud {
  const child = spawn(process.execPath, [binary, ...args, '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: Line[] = [];
  const waiting = new Set<() => void>();
  let over = false;
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line) as Line);
    for (const look of waiting) look();
  });
  const ended = once(child, 'close').then(([code]) => {
    over = true;
    for (const look of waiting) look();
    return typeof code === 'number' ? code : -1;
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    ...{ lines, ended },
    stderr: () => errors,
    signal: (name) => void child.kill(name),
    until: (matches) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find(matches);
          if (found === undefined && !over) return;
          waiting.delete(look);
          if (found !== undefined) resolve(found);
          else reject(new Error(`it ended before that: ${errors}\n${JSON.stringify(lines)}`));
        };
        waiting.add(look);
        look();
      }),
  };
}
