/** Bundles src into dist: one entry a command, shared code split into chunks. */
import { fileURLToPath } from 'node:url';
import { existsSync, globSync, renameSync, rmSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { build, type Plugin } from 'esbuild';

/**
 * Takes Node's own modules by `process.getBuiltinModule` instead of `import`: an ES import of one
 * builds a facade that runs every lazy getter of it (`node:crypto` alone 10 ms), on each start.
 */
const builtins: Plugin = {
  name: 'builtins',
  setup(bundle) {
    const names = new RegExp(`^(node:.+|${builtinModules.join('|')})$`);
    bundle.onResolve({ filter: names }, ({ path }) => ({
      path: path.startsWith('node:') ? path : `node:${path}`,
      namespace: 'builtin',
    }));
    bundle.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
      loader: 'js',
    }));
  },
};

const root = fileURLToPath(new URL('..', import.meta.url));
// Built beside and then put in place, so that a program that starts meanwhile finds all of one.
const fresh = `dist.${process.pid}`;
await build({
  absWorkingDir: root,
  entryPoints: [
    'src/cli/main.ts',
    'src/output/help.ts',
    ...globSync('src/commands/**/*.ts', { cwd: root }),
  ],
  outbase: 'src',
  outdir: fresh,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
  // The first is native; oclif asks for the others only in a development checkout of TypeScript.
  external: ['@napi-rs/keyring', 'typescript', 'tsx', 'ts-node'],
  plugins: [builtins],
  // CommonJS inside the bundle asks for `require` of Node's own modules.
  banner: {
    js: "const require=process.getBuiltinModule('node:module').createRequire(import.meta.url);",
  },
});

const old = `${root}dist.old.${process.pid}`;
if (existsSync(`${root}dist`)) renameSync(`${root}dist`, old);
renameSync(`${root}${fresh}`, `${root}dist`);
rmSync(old, { recursive: true, force: true });
