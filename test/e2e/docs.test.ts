import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, glob, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { adminTokenFile, defaultServerFolder } from '../../src/api/contract/local-server.ts';
import { freePort } from '../support/free-port.ts';
import { realRclone } from '../support/rclone.ts';
import { missingLine, runnableBlocks, type RunnableBlock } from '../support/runnable-page.ts';
import { openWorkspace } from '../support/workspace.ts';

const STRICT = ['-euo', 'pipefail', '-c'];
const root = resolve(import.meta.dirname, '../..');
const pages: { page: string; blocks: RunnableBlock[] }[] = [];
for await (const page of glob(['README.md', 'docs/**/*.md'], { cwd: root })) {
  const blocks = runnableBlocks(await readFile(join(root, page), 'utf8'));
  if (blocks.length > 0) pages.push({ page, blocks });
}

describe('what a page tells to run', () => {
  test('is found', () => {
    expect(pages.map(({ page }) => page)).toContain('docs/tutorial.md');
  });

  test.each(pages)('$page', { timeout: 180_000 }, async ({ page, blocks }) => {
    const { home, env } = await person();
    for (const { line, script, background, printed } of blocks) {
      const where = `${page}:${line}`;
      const wanted = (output: string): void => {
        expect(missingLine(printed, output), `${where}\n${output}`).toBeUndefined();
      };
      if (background) {
        const output = goOn(script, { cwd: home, env });
        await vi.waitFor(() => wanted(output()), 30_000);
      } else {
        const { exitCode, all } = await execa('bash', [...STRICT, script], {
          ...{ cwd: home, env, extendEnv: false, reject: false, stdin: 'ignore' },
          ...{ all: true, timeout: 90_000 },
        });
        expect(exitCode, `${where}\n${all}`).toBe(0);
        wanted(all);
      }
    }
  });
});

/** Somebody with `cloud` on the PATH, on a machine that has never seen it. */
async function person(): Promise<{ home: string; env: NodeJS.ProcessEnv }> {
  const { root: folder, env, host } = await openWorkspace();
  const [home, bin] = [env['HOME'] ?? '', join(folder, 'bin')];
  await mkdir(home);
  await mkdir(bin);
  const cloud = `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin/run.js')}' "$@"\n`;
  await writeFile(join(bin, 'cloud'), cloud);
  await chmod(join(bin, 'cloud'), 0o755);
  const port = await freePort();
  return {
    home,
    env: {
      ...env,
      CLOUD_RCLONE: (await realRclone()).path,
      PATH: `${bin}:${env['PATH'] ?? ''}`,
      ...{
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_AUTHOR_NAME: 'Ada',
        GIT_AUTHOR_EMAIL: 'ada@example.org',
      },
      ...{ GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.org' },
      // A page says nothing of ports; here the default one may be taken.
      ...{ CLOUD_SERVER_PORT: String(port), CLOUD_SERVER: `http://127.0.0.1:${port}` },
      CLOUD_ADMIN_TOKEN_FILE: adminTokenFile(defaultServerFolder(host.places)),
    },
  };
}

/** Runs until the test ends; gives what it has written so far. */
function goOn(script: string, around: { cwd: string; env: NodeJS.ProcessEnv }): () => string {
  // A group of its own, to end bash and what it started.
  const run = spawn('bash', [...STRICT, script], {
    ...{ ...around, detached: true, stdio: ['ignore', 'pipe', 'pipe'] as const },
  });
  let output = '';
  for (const stream of [run.stdout, run.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const ended = once(run, 'close');
  onTestFinished(async () => {
    if (run.pid !== undefined && run.exitCode === null) process.kill(-run.pid, 'SIGTERM');
    await ended;
  });
  return () => output;
}
