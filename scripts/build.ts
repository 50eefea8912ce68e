/** Bundles src into dist: one entry a command, shared code split into chunks. */
import { fileURLToPath } from 'node:url';
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * oclif sorts the ids of the manifest by `localeCompare`, whose first call loads the collation data
 * (8 ms outside a few locales). The ids are ASCII, so comparing code units gives the same order.
 */
const sortWithoutLocale: Plugin = {
  name: 'sort-without-locale',
  setup: (bundle) => {
    bundle.onLoad({ filter: /@oclif[\\/]core[\\/]lib[\\/]config[\\/]plugin\.js$/ }, ({ path }) => {
      const slow = 'a.id.localeCompare(b.id)';
      const source = readFileSync(path, 'utf8');
      if (!source.includes(slow)) throw new Error(`${path} no longer has ${slow}`);
      return { contents: source.replace(slow, '(a.id < b.id ? -1 : 1)') };
    });
  },
};

/** Loaded on each start; the other one before any command works. */
const ALWAYS = join(root, 'src/cli/main.ts');
const WITH_COMMAND = join(root, 'src/session/setting-layers.ts');
/** What is loaded where no command is. */
const WITHOUT_COMMAND = /src[\\/](output[\\/]help|cli[\\/]known-commands)\.ts$/;

/**
 * esbuild makes a chunk of the modules that the same entries reach, and each `import()` is an entry:
 * what every start loads was in dozens of small files, at more than half a millisecond each. So every
 * entry imports what has been loaded before it anyway, and they all reach the same. For an `import()`
 * a module in between does so: the one behind it may be among what is loaded before.
 */
const inFewChunks: Plugin = {
  name: 'in-few-chunks',
  setup: (bundle) => {
    const loadedBefore = (path: string): string =>
      (WITHOUT_COMMAND.test(path) ? [ALWAYS] : [ALWAYS, WITH_COMMAND])
        .map((each) => `import ${JSON.stringify(each)};`)
        .join('');
    bundle.onResolve({ filter: /^\.\.?\/.*\.ts$/ }, ({ kind, path, resolveDir }) =>
      kind === 'dynamic-import'
        ? { path: resolve(resolveDir, path), namespace: 'later' }
        : undefined,
    );
    bundle.onLoad({ filter: /./, namespace: 'later' }, ({ path }) => ({
      contents: `${loadedBefore(path)}export * from ${JSON.stringify(path)};`,
      resolveDir: dirname(path),
    }));
    bundle.onLoad({ filter: /src[\\/](commands[\\/].*|output[\\/]help)\.ts$/ }, ({ path }) => ({
      contents: loadedBefore(path) + readFileSync(path, 'utf8'),
      loader: 'ts',
    }));
  },
};

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
  plugins: [sortWithoutLocale, inFewChunks],
  // The first is native, and the second a choice that we do not make; oclif asks for the others only
  // in a development checkout of TypeScript.
  external: ['@napi-rs/keyring', 'pg-native', 'typescript', 'tsx', 'ts-node'],
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
