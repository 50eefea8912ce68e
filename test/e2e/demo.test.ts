import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const demo = fileURLToPath(new URL('../../scripts/demo.ts', import.meta.url));

test('npm run demo plays the main job, and every proof holds', { timeout: 180_000 }, async () => {
  const run = await execa(process.execPath, [demo], { reject: false, stdin: 'ignore' });
  expect(run.stdout, run.stderr).toMatch(/All \d+ proofs hold\.$/);
  expect(run.exitCode).toBe(0);
});
