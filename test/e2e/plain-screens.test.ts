import { describe, expect, test } from 'vitest';
import { textWidth } from '../../src/output/table.ts';
import { runOnTerminal } from '../support/terminal.ts';
import { openWorkspace } from '../support/workspace.ts';

const SCREENS = [
  '--help',
  'bisync --help',
  'help profiles',
  'help exit-codes',
  'status',
  'doctor',
  'config list',
  'context list',
  'profiles list',
  'activity',
  'conflicts list',
  'mount-status',
  'bisnc',
];
/** What we lay out ourselves in columns; oclif and the terminal wrap the rest. */
const NARROW = ['--help', 'help profiles', 'config list', 'profiles list'];

describe('without colours, without movement, on 60 columns', () => {
  test.each(SCREENS)('cloud %s', async (command) => {
    const { env } = await openWorkspace();
    for (const plain of [{ NO_COLOR: '1' }, { TERM: 'dumb' }, { CLOUD_NO_COLOR: '1' }]) {
      const run = await runOnTerminal(
        command,
        { TERM: 'xterm-256color', ...env, ...plain },
        [],
        60,
      );
      // Not a single escape sequence: what is said is said in words.
      expect(run.raw).not.toContain('\u001b');
      if (!NARROW.includes(command)) continue;
      for (const line of run.screen.split(/\r?\n/))
        expect(textWidth(line), line).toBeLessThanOrEqual(60);
    }
  });

  test('a colour is never the only sign', async () => {
    const { env } = await openWorkspace();
    const colored = await runOnTerminal('doctor', { TERM: 'xterm-256color', ...env }, [], 60);
    const plain = await runOnTerminal(
      'doctor --no-color',
      { TERM: 'xterm-256color', ...env },
      [],
      60,
    );
    expect(colored.raw).toContain('\u001b[');
    for (const word of ['✓ ok', '! warning']) expect(plain.screen).toContain(word);
  });
});
