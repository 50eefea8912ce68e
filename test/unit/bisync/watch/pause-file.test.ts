import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { endPause, readPause, writePause } from '../../../../src/bisync/watch/pause-file.ts';
import { openWorkspace } from '../../../support/workspace.ts';

test('a pause ends at its time, or when somebody resumes', async () => {
  const { root } = await openWorkspace();
  expect(await readPause(root, 0)).toBeUndefined();
  await writePause(root, { until: 1000 });
  expect(await readPause(root, 999)).toEqual({ until: 1000 });
  expect(await readPause(root, 1000)).toBeUndefined();
  await writePause(root, { until: null });
  expect(await readPause(root, Number.MAX_SAFE_INTEGER)).toEqual({ until: null });
  expect(await endPause(root, 0)).toBe(true);
  expect(await endPause(root, 0)).toBe(false);
});

test.each(['', 'garbage', '{"until":"soon"}', '[]'])('%j is no pause', async (text) => {
  const { root } = await openWorkspace();
  await writeFile(join(root, 'pause.json'), text);
  expect(await readPause(root, 0)).toBeUndefined();
});
