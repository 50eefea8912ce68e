import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { openWorkspace } from '../../support/workspace.ts';

const source = new URL('../../../src/doctor/leave-hanging.ts', import.meta.url).href;

test('the process ends although one of its threads waits for ever', async () => {
  const { root } = await openWorkspace();
  const fifo = join(root, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const program = `
    import { open } from 'node:fs';
    import { leaveHanging } from ${JSON.stringify(source)};
    // Nobody ever writes into it, so a thread waits in open(2).
    open(${JSON.stringify(fifo)}, 'r', () => undefined);
    setTimeout(() => { process.stdout.write('said'); leaveHanging(5); }, 50);`;
  const run = await execa(process.execPath, ['--input-type=module', '-e', program], {
    reject: false,
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  expect(run).toMatchObject({ exitCode: 5, stdout: 'said', timedOut: false });
});
