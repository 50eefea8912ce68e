/** Bundles src into dist: one entry a command, shared code split into chunks. */
import { fileURLToPath } from 'node:url';
import { existsSync, globSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname } from 'node:path';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

// Built beside and then put in place, so that a program that starts meanwhile finds all of one.
const fresh = `dist.${process.pid}`;
const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: [
    'src/cli/main.ts',
    'src/output/help.ts',
    ...globSync('src/commands/**/*.ts', { cwd: root }),
  ],
  outbase: 'src',
  outdir: fresh,
  write: false,
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
  banner: {
    js: "const require=globalThis.process.getBuiltinModule('node:module').createRequire(import.meta.url);",
  },
});
for (const { path, text } of outputFiles) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, withPlainBuiltins(text));
}
const old = `${root}dist.old.${process.pid}`;
if (existsSync(`${root}dist`)) renameSync(`${root}dist`, old);
renameSync(`${root}${fresh}`, `${root}dist`);
rmSync(old, { recursive: true, force: true });

/**
 * Takes Node's own modules by `process.getBuiltinModule` instead of `import` and `require`: both
 * build a facade that runs every lazy getter of the module (`node:crypto` alone 10 ms) on each start.
 */
function withPlainBuiltins(code: string): string {
  const names = builtinModules.filter((each) => !each.startsWith('_'));
  const name = `((?:node:)?(?:${names.join('|')}))`;
  const take = (module: string): string =>
    // `globalThis`, because a module may name its import `process`.
    `globalThis.process.getBuiltinModule("${module}")`;
  const clause = '(?:([\\w$]+),?)?(\\{[^}]*\\})?(?:\\*as ([\\w$]+))?';
  return code
    .replace(new RegExp(`\\b__require\\("${name}"\\)`, 'g'), (_, module: string) => take(module))
    .replace(
      new RegExp(`(?<=^|[;}\\n])import\\s?${clause}\\s?from"${name}";`, 'g'),
      (_, whole?: string, named?: string, space?: string, module: string = '') =>
        [whole, space, named?.replaceAll(' as ', ':')]
          .filter((binding) => binding !== undefined)
          .map((binding) => `const ${binding}=${take(module)};`)
          .join(''),
    );
}
