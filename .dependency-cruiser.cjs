// The house rule: commands → features → rclone | api | output | platform, and never back.
const features = ['onboarding', 'doctor', 'status', 'session', 'mount', 'bisync', 'service'];
const only = (from, allowed, comment) => ({
  name: `${from}-imports`,
  comment,
  severity: 'error',
  from: { path: `^src/${from}/` },
  to: { path: '^src/', pathNot: `^src/(${[from, ...allowed].join('|')})/` },
});

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: { path: '^src' }, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: '^src/commands/' },
      to: {},
    },
    only('platform', [], 'platform knows the machine, and nothing of ours'),
    only('output', ['platform'], 'presentation knows no feature'),
    only('api', ['platform', 'output'], 'the wire contract and its typed client'),
    only('s3', ['platform', 'output'], 'the object client of the sync engine'),
    only('control', ['platform', 'output'], 'how our processes speak to each other'),
    only('completion', ['platform', 'output'], 'what a shell offers; names are handed in'),
    only('rclone', ['platform', 'output'], 'everything that touches the rclone binary'),
    only(
      'object-store',
      ['platform'],
      'the local storage speaks S3 and IAM; nobody links to it but the server',
    ),
    only(
      'access',
      ['session', 'api', 's3', 'platform', 'output'],
      'sessions, API keys, bucket keys',
    ),
    only('service', ['session', 'platform', 'output'], 'the work of a service is handed in'),
    only('admin', ['session', 'api', 'platform', 'output'], 'the client of the administrator'),
    only(
      'local-server',
      ['server', 'session', 'platform', 'output'],
      'runs the server in this process and reports to people',
    ),
    only(
      'server',
      ['api', 'platform', 'object-store'],
      'the server shares only the contract and the platform with the client',
    ),
    {
      name: 'server-takes-only-schemas',
      comment: 'of api the server takes the contract, never the client',
      severity: 'error',
      from: { path: '^src/server/' },
      to: { path: '^src/api/', pathNot: '^src/api/contract/' },
    },
    {
      name: 'features-never-import-commands',
      severity: 'error',
      from: { path: `^src/(${features.join('|')})/` },
      to: { path: '^src/(commands|server|object-store)/' },
    },
    {
      name: 'doctor-onboarding-and-status-stand-apart',
      severity: 'error',
      from: { path: '^src/(doctor|onboarding|status)/' },
      to: { path: '^src/(doctor|onboarding|status|cli)/', pathNot: '^src/$1/' },
    },
    {
      name: 'session-is-below-the-other-features',
      severity: 'error',
      from: { path: '^src/session/' },
      to: { path: '^src/(onboarding|doctor|status|mount|bisync|service)/' },
    },
    {
      name: 'mount-and-bisync-stand-apart',
      severity: 'error',
      from: { path: '^src/mount/' },
      to: { path: '^src/(onboarding|doctor|status|bisync|service)/' },
    },
    {
      name: 'bisync-and-mount-stand-apart',
      severity: 'error',
      from: { path: '^src/bisync/' },
      to: { path: '^src/(onboarding|doctor|status|mount|service)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
