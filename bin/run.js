#!/usr/bin/env node
// Plain syntax down to Node 14.8: an older Node must be able to read this file and say what to do.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < 24 || (major === 24 && minor < 7)) {
  // A checkout brings its own Node as a development dependency.
  const own = join(
    root,
    'node_modules',
    'node',
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  );
  if (existsSync(own)) {
    const { spawnSync } = await import('node:child_process');
    const run = spawnSync(own, process.argv.slice(1), { stdio: 'inherit' });
    process.exit(run.status === null ? 1 : run.status);
  }
  process.stderr.write(
    'cloud needs Node 24.7 or newer; this is ' +
      process.version +
      '. Install it from https://nodejs.org and run cloud again.\n',
  );
  process.exit(1);
}

const argv = process.argv.slice(2);
if (argv.length === 1 && argv[0] === '--version') {
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  process.stdout.write(
    name +
      '/' +
      version +
      ' ' +
      process.platform +
      '-' +
      process.arch +
      ' node-' +
      process.version +
      '\n',
  );
} else {
  process.getBuiltinModule('node:module').enableCompileCache();
  const { main } = await import(pathToFileURL(join(root, 'dist', 'cli', 'main.js')).href);
  await main(argv, root);
}
