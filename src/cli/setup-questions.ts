import { AbortError } from '../output/errors.ts';
import { askText } from '../output/prompt.ts';
import type { SetupMode } from '../session/configuration.ts';
import { DEFAULT_SERVER, normalizeServer } from '../session/settings.ts';

/** Which mode; `known` is what an earlier run started, `whyNoMount` why mounting is not possible. */
export async function askMode(
  about: { known: SetupMode | undefined; whyNoMount: string | undefined },
  signal: AbortSignal,
): Promise<SetupMode> {
  const { known, whyNoMount } = about;
  const usual = whyNoMount === undefined ? (known ?? 'mount') : 'bisync';
  const not = whyNoMount === undefined ? '' : ' (not possible here)';
  const lines = [
    'How do you want to use the bucket?',
    `  1  mount   a folder that shows the bucket, fetched as it is read${not}`,
    '  2  bisync  a folder on this disk, kept in step both ways, also offline',
    `  3  both    one of each${not}`,
    ...(whyNoMount === undefined ? [] : [whyNoMount]),
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
  const modes: readonly SetupMode[] = ['mount', 'bisync', 'both'];
  const number = modes.indexOf(usual) + 1;
  for (;;) {
    const answer = (await askText(`Your choice [${number}]:`, signal)).toLowerCase();
    if (answer === '') return usual;
    const mode = modes.find((each, index) => answer === each || answer === String(index + 1));
    if (mode !== undefined) return mode;
    process.stderr.write('Type 1, 2 or 3.\n');
  }
}

/** The address of the server. */
export async function askServer(signal: AbortSignal): Promise<string> {
  for (;;) {
    const answer = await askText(`Address of the server [${DEFAULT_SERVER}]:`, signal);
    if (answer === '') return DEFAULT_SERVER;
    try {
      return normalizeServer(answer);
    } catch (error) {
      if (!(error instanceof AbortError)) throw error;
      process.stderr.write(`${[error.message, ...error.suggestions].join('\n  ')}\n`);
    }
  }
}
