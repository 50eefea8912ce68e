import { count, formatBytes } from '../output/format.ts';
import type { Output } from '../output/output.ts';
import { redact } from '../output/redact.ts';
import { Repaint } from '../output/repaint.ts';
import type { DrainProgress } from './drain.ts';
import { describeDrain } from './present-mount.ts';
import type { MountStatus } from './status.ts';

const NAMES = 10;
const BAR = 20;

/** One mount in one line. */
export function describeMount({ path, state, pending, problem }: MountStatus): string {
  const { files, bytes } = pending;
  const waiting =
    files.length === 0 ? '' : `, ${count(files.length, 'file')} (${formatBytes(bytes)}) waiting`;
  return `${path}: ${state}${waiting}${problem === null ? '' : `, ${problem.message}`}`;
}

/** Shows how a drain goes: a bar on a terminal, else a line each time that something changed. */
export function drainReporter(out: Output): {
  progress: (progress: DrainProgress) => void;
  end: () => void;
} {
  const bar = new Repaint(out.options.stderr);
  const seen = new Set<string>();
  let total = 0;
  let last = '';
  return {
    progress: (progress) => {
      for (const { name } of progress.pending) seen.add(name);
      total = Math.max(total, progress.bytesLeft);
      if (out.options.animated) {
        if (seen.size > 0) bar.draw(redact(formatBar(progress, seen.size, total)));
        return;
      }
      const text = describeDrain(progress);
      if (text === last) return;
      last = text;
      out.note(text);
      out.event({
        type: 'drain',
        pending: progress.pending.length,
        bytesLeft: progress.bytesLeft,
        names: progress.pending.slice(0, NAMES).map(({ name }) => name),
      });
    },
    end: () => bar.end(true),
  };
}

/** `Uploading ████░░░░ 3 of 12 files, 4 MiB of 9 MiB` and the names of what is under way. */
function formatBar({ pending, bytesLeft }: DrainProgress, files: number, total: number): string {
  const share = total === 0 ? 1 : (total - bytesLeft) / total;
  const full = Math.round(share * BAR);
  const bar = '█'.repeat(full) + '░'.repeat(BAR - full);
  const sent = `${formatBytes(total - bytesLeft)} of ${formatBytes(total)}`;
  const failed = pending.filter(({ tries }) => tries > 0).length;
  const under = pending.filter(({ uploading }) => uploading).slice(0, 4);
  return [
    `Uploading ${bar} ${files - pending.length} of ${count(files, 'file')}, ${sent}`,
    ...under.map(({ name, size }) => `  ${name} (${formatBytes(size)})`),
    ...(failed === 0 ? [] : [`  ${count(failed, 'file')} failed and tried again`]),
  ].join('\n');
}
