#!/usr/bin/env node
// Syntax that Node 14.8 can read: an older Node must be able to say what to do. Nothing is imported
// at the top, because an ES import of `node:fs` alone costs a tenth of the start.
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < 24 || (major === 24 && minor < 7)) {
  await useNewerNode();
} else {
  const { dirname, join } = process.getBuiltinModule('node:path');
  const root = dirname(import.meta.dirname);
  const argv = process.argv.slice(2);
  if (argv.length === 1 && argv[0] === '--version') {
    const { readFileSync } = process.getBuiltinModule('node:fs');
    const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const { platform, arch } = process;
    process.stdout.write(`${name}/${version} ${platform}-${arch} node-${process.version}\n`);
  } else {
    process.getBuiltinModule('node:module').enableCompileCache();
    // oclif colours help and some errors by itself; what it asks knows this one, and only at its import.
    if (/^(1|true|y|yes)$/i.test(process.env.CLOUD_NO_COLOR || '')) process.env.NO_COLOR = '1';
    const { main } = await import('../dist/cli/main.js');
    await main(argv, root);
  }
}

/** A checkout brings its own Node as a development dependency; else a person has to get one. */
async function useNewerNode() {
  const { spawnSync } = await import('node:child_process');
  const { existsSync } = await import('node:fs');
  const { fileURLToPath } = await import('node:url');
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const own = fileURLToPath(new URL('../node_modules/node/bin/' + name, import.meta.url));
  if (existsSync(own)) {
    const { status } = spawnSync(own, process.argv.slice(1), { stdio: 'inherit' });
    process.exit(status === null ? 1 : status);
  }
  process.stderr.write(
    'cloud needs Node 24.7 or newer; this is ' +
      process.version +
      '. Install it from https://nodejs.org and run cloud again.\n',
  );
  process.exit(1);
}
