import { text } from 'node:stream/consumers';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';

export interface ApiKeySource {
  /** `--token-stdin` was given. */
  stdin: boolean;
  env: NodeJS.ProcessEnv;
  interactive: boolean;
  signal: AbortSignal;
}

/**
 * The API key: from standard input, from `CLOUD_TOKEN`, or asked for on a terminal.
 *
 * @throws AbortError `no-token` (4) when there is none and nobody to ask
 */
export async function readApiKey(source: ApiKeySource): Promise<string> {
  const key = await firstKey(source);
  if (key === '') {
    throw new AbortError('no-token', 'There is no API key to sign in with.', {
      exitCode: ExitCode.auth,
      suggestions: ['Set CLOUD_TOKEN, or give it on standard input: --token-stdin < key.txt'],
    });
  }
  registerSecret(key);
  return key;
}

async function firstKey(source: ApiKeySource): Promise<string> {
  if (source.stdin) return (await text(process.stdin)).trim();
  const given = source.env['CLOUD_TOKEN']?.trim() ?? '';
  if (given !== '') return given;
  if (!source.interactive) return '';
  const { askSecret } = await import('../output/prompt.ts');
  return askSecret('API key:', source.signal);
}
