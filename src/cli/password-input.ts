import { text } from 'node:stream/consumers';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Output } from '../output/output.ts';
import { registerSecret } from '../output/redact.ts';

/**
 * A password for a user: from standard input, or typed twice where nobody sees it.
 *
 * @returns undefined when the server is to make one
 * @throws AbortError `no-password` (2)
 */
export async function readNewPassword(
  flags: { 'password-stdin': boolean; 'ask-password': boolean },
  out: Output,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!flags['password-stdin'] && !flags['ask-password']) return undefined;
  const password = flags['password-stdin']
    ? await readPasswordFromStdin()
    : await askTwice(out, signal);
  if (password === '') throw refusal('no-password', 'The password is empty.');
  registerSecret(password);
  return password;
}

/** Spaces belong to it; only the line end that `echo` adds does not. */
export async function readPasswordFromStdin(): Promise<string> {
  return (await text(process.stdin)).replace(/\r?\n$/, '');
}

async function askTwice(out: Output, signal: AbortSignal): Promise<string> {
  if (!out.options.interactive) {
    throw refusal('no-password', 'Nobody can be asked for the password here.');
  }
  const { askSecret } = await import('../output/prompt.ts');
  for (;;) {
    const password = await askSecret('New password:', signal);
    if ((await askSecret('The same again:', signal)) === password) return password;
    out.note('The two differ. Once more:');
  }
}

function refusal(code: string, message: string): AbortError {
  return new AbortError(code, message, {
    exitCode: ExitCode.usage,
    suggestions: ['Give it on standard input: --password-stdin < password.txt'],
  });
}
