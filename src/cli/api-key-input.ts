import { text } from 'node:stream/consumers';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';

export interface ApiKeySource {
  /** `--token-stdin` was given. */
  stdin: boolean;
  env: NodeJS.ProcessEnv;
}

/**
 * The API key: from standard input or from `CLOUD_TOKEN`.
 *
 * @throws AbortError `no-token` (4) when there is none
 */
export async function readApiKey({ stdin, env }: ApiKeySource): Promise<string> {
  const key = stdin ? (await text(process.stdin)).trim() : (env['CLOUD_TOKEN']?.trim() ?? '');
  if (key === '') {
    throw new AbortError('no-token', 'There is nothing to sign in with.', {
      exitCode: ExitCode.auth,
      suggestions: [
        'On a terminal: cloud login',
        'With an API key: set CLOUD_TOKEN, or --token-stdin < key.txt',
        'With a password: cloud login --username NAME --password-stdin < password.txt',
      ],
    });
  }
  registerSecret(key);
  return key;
}
