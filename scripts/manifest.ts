/** Writes oclif.manifest.json from dist, or with `--check` fails when the checked-in one is stale. */
import { fileURLToPath } from 'node:url';
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const path = `${root}oclif.manifest.json`;
const read = (): unknown => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
};

const before = read();
const saved = `${path}.saved`;
// oclif prefers a manifest that is there over the commands themselves.
if (before !== undefined) renameSync(path, saved);
try {
  execFileSync(process.execPath, [`${root}node_modules/oclif/bin/run.js`, 'manifest', root], {
    stdio: ['ignore', 'ignore', 'inherit'],
    cwd: root,
  });
} catch (error) {
  if (before !== undefined) renameSync(saved, path);
  throw error;
}
const after = inOrder(read());
writeFileSync(path, `${JSON.stringify(after, null, 2)}\n`);
if (before !== undefined) {
  if (process.argv.includes('--check')) renameSync(saved, path);
  else rmSync(saved);
}
if (process.argv.includes('--check') && !isDeepStrictEqual(before, after)) {
  process.stderr.write('oclif.manifest.json is stale: run `npm run manifest` and commit it.\n');
  process.exitCode = 1;
}

/** Commands by name: oclif has them in the order of the folder, which is another one on each disk. */
function inOrder(manifest: unknown): unknown {
  const { commands, ...others } = manifest as { commands: Record<string, unknown> };
  const sorted = Object.entries(commands).sort(([a], [b]) => (a < b ? -1 : 1));
  return { commands: Object.fromEntries(sorted), ...others };
}
