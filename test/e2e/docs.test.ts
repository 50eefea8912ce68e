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
const pages: { page: string; blocks: RunnableBlock[]; begins: string | undefined }[] = [];
for await (const page of glob(['README.md', 'docs/**/*.md'], { cwd: root })) {
  const text = await readFile(join(root, page), 'utf8');
  const blocks = runnableBlocks(text);
  const begins = /^<!-- run: (.*) -->$/m.exec(text)?.[1];
  if (blocks.length > 0) pages.push({ page, blocks, begins });
}

describe('what a page tells to run', () => {
  test('is found', () => {
    expect(pages.map(({ page }) => page)).toContain('docs/tutorial.md');
  });

  test.each(pages)('$page', { timeout: 180_000 }, async ({ page, blocks, begins }) => {
    const { home, env } = await person();
    for (const { line, script, background, printed } of [...before(begins), ...blocks]) {
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

/** What somebody has done who begins to read. */
function before(begins: string | undefined): RunnableBlock[] {
  const block = { line: 1, background: false, printed: [] };
  const server = { ...block, script: 'cloud server start', background: true };
  const key = {
    ...block,
    script: 'cloud admin tenant add --slug acme --name Acme --print-token > key.txt',
  };
  const setup = { ...block, script: 'cloud setup --mode bisync --token-stdin --yes < key.txt' };
  switch (begins) {
    case undefined:
      return [];
    case 'with a key':
      return [{ ...server, printed: ['Server …'] }, key];
    case 'after setup':
      return [{ ...server, printed: ['Server …'] }, key, setup];
    default:
      throw new Error(`"run: ${begins}" means nothing`);
  }
}

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
