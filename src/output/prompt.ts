import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

/** Asks on the terminal; the default is no. */
export async function askYesNo(question: string, signal: AbortSignal): Promise<boolean> {
  const answer = await ask(`${question} [y/N] `, signal, process.stderr);
  return /^y(es)?$/i.test(answer.trim());
}

/** The same where yes is the default. */
export async function askYes(question: string, signal: AbortSignal): Promise<boolean> {
  const answer = await ask(`${question} [Y/n] `, signal, process.stderr);
  return !/^no?$/i.test(answer.trim());
}

export async function askText(question: string, signal: AbortSignal): Promise<string> {
  return (await ask(`${question} `, signal, process.stderr)).trim();
}

/** Asks without showing what is typed. Nothing of it is cut off: a password may end with a space. */
export async function askSecret(question: string, signal: AbortSignal): Promise<string> {
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const asked = ask('', signal, nowhere);
  // Only now: the terminal would show what somebody types who is faster than its echo is off.
  process.stderr.write(`${question} `);
  const answer = await asked;
  process.stderr.write('\n');
  return answer;
}

async function ask(
  question: string,
  signal: AbortSignal,
  output: NodeJS.WritableStream,
): Promise<string> {
  const lines = createInterface({ input: process.stdin, output, terminal: true });
  // In raw mode Ctrl-C is a key; to the rest of the program it is the signal.
  lines.once('SIGINT', () => {
    process.stderr.write('\n');
    // A process that sends itself a signal on Windows is ended at once, without a last word.
    if (!process.emit('SIGINT', 'SIGINT')) process.kill(process.pid, 'SIGINT');
  });
  try {
    return await lines.question(question, { signal });
  } finally {
    lines.close();
  }
}
