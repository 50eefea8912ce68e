import comments from '@eslint-community/eslint-plugin-eslint-comments/configs';
import tseslint from 'typescript-eslint';

/** By nature made for one system each. */
const drivers = [
  'src/platform/**',
  'src/rclone/install/**',
  'src/service/**',
  ...['adapters', 'machine', 'mount-table', 'open-files'].map((name) => `src/mount/${name}.ts`),
];
const SYSTEM = '/^(aix|android|darwin|freebsd|linux|openbsd|sunos|win32)$/';

export default tseslint.config(
  { ignores: ['dist*', 'coverage', 'node_modules', 'oclif.manifest.json'] },
  comments.recommended,
  {
    rules: {
      '@eslint-community/eslint-comments/require-description': 'error',
      '@eslint-community/eslint-comments/no-unused-disable': 'error',
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
    },
  },
  {
    // What differs between systems is asked of src/platform/platform.ts, which can be any of them.
    files: ['src/**/*.ts'],
    ignores: drivers,
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'platform', message: 'Use `here` or a Host.' },
        { object: 'path', property: 'sep', message: 'Use platform/paths.ts.' },
      ],
      'no-restricted-imports': [
        'error',
        {
          paths: [
            {
              ...{ name: 'node:path', importNames: ['sep', 'delimiter', 'posix', 'win32'] },
              message: 'Use platform/paths.ts, or the path of a Platform.',
            },
            { name: 'node:os', importNames: ['platform'], message: 'Use `here` or a Host.' },
          ],
        },
      ],
      'no-restricted-syntax': [
        'error',
        ...['BinaryExpression', 'SwitchCase'].map((kind) => ({
          selector: `${kind} > Literal[value=${SYSTEM}]`,
          message: 'Ask what a Platform is like, not which it is.',
        })),
      ],
    },
  },
  {
    // Scripts and tests talk to a terminal directly; tests may assert with `!`.
    files: ['scripts/**', 'test/**'],
    rules: {
      'no-console': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
