import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A terminal of 80 columns in a tmux of its own. */
export class Terminal {
  readonly #socket: string;
  private constructor(socket: string) {
    this.#socket = socket;
  }

  static async open(socket: string, env: NodeJS.ProcessEnv, cwd: string): Promise<Terminal> {
    const start = ['-S', socket, '-f', '/dev/null', 'new-session', '-d', '-x', '80', '-y', '50'];
    const shell = "PS1='$ ' exec bash --norc --noprofile";
    await run('tmux', [...start, '-c', cwd, shell], { env });
    return new Terminal(socket);
  }

  async type(line: string): Promise<void> {
    await this.#tmux('send-keys', '-l', line);
    await this.#tmux('send-keys', 'Enter');
  }

  async press(key: string): Promise<void> {
    await this.#tmux('send-keys', key);
  }

  async clear(): Promise<void> {
    await this.type('clear');
    await this.#tmux('clear-history');
  }

  /** The lines on the screen without the empty ones below, once `ready` says that it is the picture. */
  async capture(ready: (screen: string) => boolean): Promise<string[]> {
    for (let tries = 0; tries < 600; tries += 1) {
      if (ready(await this.#tmux('capture-pane', '-p'))) {
        const lines = (await this.#tmux('capture-pane', '-p', '-e')).split('\n');
        while (lines.at(-1)?.trim() === '') lines.pop();
        return lines;
      }
      await sleep(100);
    }
    throw new Error(`The screen never came:\n${await this.#tmux('capture-pane', '-p')}`);
  }

  async close(): Promise<void> {
    await this.#tmux('kill-server').catch(() => undefined);
  }

  async #tmux(...args: string[]): Promise<string> {
    return (await run('tmux', ['-S', this.#socket, ...args])).stdout;
  }
}
