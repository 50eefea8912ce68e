import { formatFields } from '../output/table.ts';
import type { SetupResult } from './setup.ts';

/** What was set up, and the two or three commands that come next. */
export function presentSetup(result: SetupResult): string {
  const { bisync, mount } = result;
  const summary = formatFields([
    ['Tenant', `${result.tenant.name} on ${result.server}`],
    ['Bucket', result.bucket],
    ['Synced folder', bisync?.path],
    ['Mounted at', mount === null ? null : `${mount.path} (profile ${mount.profile})`],
  ]);
  const next = [
    ...(bisync === null ? [] : ['Keep in sync:  cloud bisync --watch']),
    ...(mount === null
      ? ['Mount it too:  cloud mount']
      : ['Mount state:   cloud mount-status', 'Unmount:       cloud unmount']),
  ];
  const trouble =
    bisync !== null && bisync.problems > 0
      ? ['', 'Some files were not synced; this says why:  cloud bisync']
      : [];
  return ['Ready.', '', summary, '', ...next, ...trouble].join('\n');
}
