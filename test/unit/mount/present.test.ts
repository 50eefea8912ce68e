import { expect, test } from 'vitest';
import { presentStatus, presentUnmounted } from '../../../src/mount/present-mount.ts';
import { drainReporter } from '../../../src/mount/present-watch.ts';
import type { MountStatus } from '../../../src/mount/status.ts';
import { Output } from '../../../src/output/output.ts';

function terminal(animated: boolean): { out: Output; written: () => string } {
  let text = '';
  const stream = {
    write: (more: string) => (text += more),
    columns: 80,
    rows: 24,
    isTTY: animated,
  };
  const out = new Output({
    ...{ format: 'table', quiet: false, verbose: false, color: false, animated },
    ...{ interactive: false, stdout: stream, stderr: stream },
  });
  return { out, written: () => text };
}

test('a forced unmount names what stays here, and what is lost with the programs that had it', () => {
  const { out } = terminal(false);
  const kept = { files: [{ name: 'a.md', size: 4 }], bytes: 4, complete: true };
  const open = [{ pid: 7, command: 'vim', path: '/m/b.md' }];
  const text = presentUnmounted({ id: 'i', bucket: 'b', path: '/m', kept, open }, out);
  expect(text).toContain('1 file (4 B) not uploaded yet, kept on this disk');
  expect(text).toContain('  a.md (4 B)');
  expect(text).toContain('not saved in these is lost:\n  b.md by vim (process 7)');
});

test('what a crash left beside other files is named by the status', () => {
  const { out } = terminal(false);
  const mount: MountStatus = {
    ...{ id: 'i', tenant: 'acme', bucket: 'b', path: '/m', profile: 'fast', readOnly: false },
    state: 'mounted',
    ...{ since: '2026-11-22T10:00:00Z', freshness: null, freshnessSeconds: null },
    pending: { files: [], bytes: 0, uploading: 0, failed: 0, complete: true },
    ...{ versionDays: 0, cacheBytes: null, rclone: null, supervisor: null, adapter: null },
    ...{ credentialExpiresAt: null, problem: null, recovered: ['a (recovered).md', 'b', 'c'] },
  };
  const text = presentStatus([mount], out, Date.parse(mount.since));
  expect(text.replaceAll(/\s+/g, ' ')).toContain('after a crash: a (recovered).md and 2 others');
});

const upload = (name: string, size: number, uploading: boolean, tries = 0) => {
  return { name, size, uploading, tries };
};

test('a drain is a bar on a terminal, which goes when it is done', () => {
  const { out, written } = terminal(true);
  const shown = drainReporter(out);
  const [a, b] = [upload('a.bin', 3000, true), upload('b.bin', 1000, false, 2)];
  shown.progress({ pending: [a, b], bytesLeft: 4000 });
  shown.progress({ pending: [b], bytesLeft: 1000 });
  expect(written()).toContain('░'.repeat(20));
  expect(written()).toContain(`${'█'.repeat(15)}${'░'.repeat(5)} 1 of 2 files, 2.9 KiB of 3.9 KiB`);
  expect(written()).toContain('a.bin (2.9 KiB)');
  expect(written()).toContain('1 file failed and tried again');
  shown.progress({ pending: [], bytesLeft: 0 });
  shown.end();
  expect(written().endsWith('\u001b[J\u001b[?25h')).toBe(true);
});

test('in a pipe it is a line each time that something changed', () => {
  const { out, written } = terminal(false);
  const shown = drainReporter(out);
  const progress = { pending: [upload('a.bin', 3000, true)], bytesLeft: 3000 };
  shown.progress(progress);
  shown.progress(progress);
  shown.progress({ pending: [], bytesLeft: 0 });
  shown.end();
  expect(written().trim().split('\n')).toEqual([
    'Uploading 1 file (2.9 KiB left): a.bin …',
    'Everything is uploaded.',
  ]);
});
