import type { Diagram } from './diagram.ts';

/** What runs where, and what goes between: the picture of the README. */
export const ARCHITECTURE: Diagram = {
  says:
    'On your machine the cloud program runs bisync, which keeps the folder ~/Cloud/acme and the bucket the same ' +
    'by conditional requests, and a mount supervisor, which shows the bucket at ~/CloudMount/acme through rclone. ' +
    'Both get their key from the cloud server, which issues keys at the S3 storage and passes on its events.',
  frame: { title: 'your machine', columns: 2 },
  boxes: [
    { id: 'you', at: [0, 0], title: 'you', lines: ['editors, scripts, a terminal'] },
    {
      id: 'cli',
      at: [1, 0],
      title: 'cloud',
      lines: ['one command, one process;', 'or a background service'],
    },
    {
      ...{ id: 'server', at: [2, 0], title: 'cloud server' },
      lines: ['tenants, sign-in, keys, events', 'SQLite or PostgreSQL'],
    },
    { id: 'folder', at: [0, 1], title: '~/Cloud/acme', lines: ['files on this disk'], keeps: true },
    {
      ...{ id: 'bisync', at: [1, 1], title: 'bisync' },
      lines: ['plan by rclone,', 'guarded moves by us'],
    },
    {
      ...{ id: 'storage', at: [2, 1], rows: 2, title: 'bucket of acme', keeps: true },
      lines: ['S3 storage: Tigris, or the', 'one that the server brings', 'versions, snapshots'],
    },
    {
      ...{ id: 'mounted', at: [0, 2], title: '~/CloudMount/acme' },
      lines: ['what is read, as it is read'],
    },
    { id: 'mount', at: [1, 2], title: 'mount supervisor', lines: ['rclone, its queue of uploads'] },
  ],
  arrows: [
    { from: 'you', to: 'cli', does: 'commands' },
    { from: 'cli', to: 'server', does: 'sign-in, keys', also: 'events', bothWays: true },
    { from: 'folder', to: 'bisync', does: 'changes', bothWays: true },
    { from: 'bisync', to: 'storage', does: 'conditional PUT, GET', also: 'LIST', bothWays: true },
    { from: 'mounted', to: 'mount', does: 'FUSE', bothWays: true },
    { from: 'mount', to: 'storage', does: 'GET, PUT', bothWays: true },
    { from: 'server', to: 'storage', does: 'policies,', also: 'scoped keys', bothWays: true },
  ],
};
