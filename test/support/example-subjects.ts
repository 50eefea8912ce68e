/**
 * Which commands' examples are played where: in `test/e2e/examples/<subject>.test.ts`, each of them
 * once. A command is in one subject.
 */
export const EXAMPLES_OF = {
  machine: [
    ...['setup', 'mount', 'mount-status', 'unmount'],
    ...['rclone install', 'rclone update', 'rclone version', 'rclone path'],
    ...['bisync', 'mount'].flatMap((kind) =>
      ['install', 'uninstall', 'start', 'stop', 'restart', 'status', 'logs'].map(
        (verb) => `${kind}-service ${verb}`,
      ),
    ),
  ],
  account: [
    ...['login', 'logout', 'whoami', 'sessions list', 'sessions revoke'],
    ...['context list', 'context use', 'config list', 'config get', 'config set'],
    ...['help', 'profiles list', 'profiles show', 'completion', 'rclone export'],
    ...['credentials list', 'credentials rotate', 'credentials revoke'],
    ...['api-keys add', 'api-keys list', 'api-keys rotate', 'api-keys revoke'],
  ],
  sync: [
    ...['bisync', 'check', 'flush', 'pause', 'resume', 'status', 'activity', 'doctor'],
    ...['filters show', 'filters test', 'filters edit'],
  ],
  undo: [
    ...['history', 'undo', 'restore', 'trash list', 'trash restore', 'trash empty'],
    ...['snapshot create', 'snapshot list', 'snapshot browse'],
    ...['conflicts list', 'conflicts show', 'conflicts diff', 'conflicts resolve'],
  ],
  users: [
    ...['list', 'show', 'add', 'set', 'reset-password', 'activate', 'deactivate'].map(
      (verb) => `admin user ${verb}`,
    ),
    ...['list', 'add', 'set', 'remove'].map((verb) => `admin tenant member ${verb}`),
    ...['list', 'show', 'add', 'remove', 'link', 'unlink'].map((verb) => `admin issuer ${verb}`),
  ],
  tenants: [
    ...['list', 'show', 'add', 'set', 'rename', 'allow', 'deny'].map(
      (verb) => `admin tenant ${verb}`,
    ),
    ...['remove', 'restore', 'purge', 'abandon'].map((verb) => `admin tenant ${verb}`),
    ...['list', 'add', 'rotate', 'revoke'].map((verb) => `admin token ${verb}`),
    ...['list', 'export', 'verify'].map((verb) => `admin audit ${verb}`),
    'admin import',
  ],
  server: [
    ...['start', 'migrate', 'recover', 'backup', 'check-storage'].map((verb) => `server ${verb}`),
    ...['server keys list', 'server keys rotate', 'admin jobs list', 'admin jobs run'],
    ...['admin drift', 'admin tenant check'],
  ],
} as const;

export type Subject = keyof typeof EXAMPLES_OF;
