import { formatBytes } from '../output/format.ts';
import type { Output } from '../output/output.ts';
import { formatFields } from '../output/table.ts';
import type { ExportResult } from './export.ts';
import type { InstallResult } from './install/install.ts';
import type { InstallEvent } from './install/step.ts';
import { versionWarning, type Rclone } from './rclone.ts';

/** Shows an installation as it goes: a bar on a terminal, lines elsewhere, reasons if verbose. */
export function installReporter(out: Output): (event: InstallEvent) => void {
  const { stderr, quiet } = out.options;
  const live = stderr.isTTY === true && !quiet && !out.json;
  let shown = '';
  const clear = (): void => {
    if (shown !== '') stderr.write(`\r${' '.repeat(shown.length)}\r`);
    shown = '';
  };
  return (event) => {
    switch (event.type) {
      case 'download': {
        const bar = `  ${formatDownload(event)}`;
        if (!live || bar === shown) return;
        clear();
        stderr.write(bar);
        shown = bar;
        return;
      }
      case 'started':
        clear();
        out.note(`Trying ${event.title} …`);
        return;
      case 'passed-over':
        clear();
        out.detail(`${event.method}: ${event.reason}`);
        return;
      case 'kept':
        out.detail(`existing: ${event.path} (${event.version}) is suitable`);
    }
  };
}

/** `[####....]  40 % of 26 MiB` */
export function formatDownload({
  received,
  total,
}: {
  received: number;
  total: number | undefined;
}): string {
  if (total === undefined || total === 0) return formatBytes(received);
  const share = Math.min(1, received / total);
  const filled = Math.round(share * 24);
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `[${'#'.repeat(filled)}${'.'.repeat(24 - filled)}] ${percent} % of ${formatBytes(total)}`;
}

export function presentInstall({ rclone, changed }: InstallResult): string {
  const what = changed ? 'installed' : 'is there already';
  const warning = versionWarning(rclone);
  return [
    `rclone ${rclone.version} ${what}: ${rclone.path}`,
    ...(warning === undefined ? [] : [warning]),
  ].join('\n');
}

export function presentUpdate({ rclone, changed }: InstallResult): string {
  return changed
    ? `rclone updated to ${rclone.version}: ${rclone.path}`
    : `rclone ${rclone.version} is the newest to be had.`;
}

const ORIGINS: Record<Rclone['origin'], string> = {
  flag: 'named by a flag',
  environment: 'named by CLOUD_RCLONE',
  private: 'our private copy',
  path: 'on PATH',
};

export function presentVersion(rclone: Rclone): string {
  const can = Object.entries(rclone.capabilities);
  const names = (wanted: boolean): string =>
    can.flatMap(([name, able]) => (able === wanted ? [name] : [])).join(', ');
  return formatFields([
    ['Version', rclone.version],
    ['Path', rclone.path],
    ['Origin', ORIGINS[rclone.origin]],
    ['Can', names(true)],
    ['Cannot', names(false)],
    ['Note', versionWarning(rclone)],
  ]);
}

export function presentExport(result: ExportResult): string {
  const what = {
    added: `Remote ${result.remote} added to ${result.path}`,
    replaced: `Remote ${result.remote} updated in ${result.path}`,
    unchanged: `Remote ${result.remote} was already as it should be in ${result.path}`,
  }[result.change];
  return [
    what,
    ...(result.backup === undefined ? [] : [`Before: ${result.backup}`]),
    result.withKeys
      ? 'The access key is in that file in plain text.'
      : 'rclone takes the access key from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; --with-keys writes it into the file.',
  ].join('\n');
}
