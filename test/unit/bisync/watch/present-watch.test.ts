import { expect, test } from 'vitest';
import { presentView, summarizeView } from '../../../../src/bisync/watch/present-watch.ts';
import { presentEnd, showWatch } from '../../../../src/bisync/watch/show-watch.ts';
import type { WatchEvent, Watcher, WatchView } from '../../../../src/bisync/watch/watcher.ts';
import type { BisyncEvent } from '../../../../src/bisync/run-context.ts';
import { Output } from '../../../../src/output/output.ts';
import { textWidth } from '../../../../src/output/table.ts';

const now = Date.parse('2026-11-25T18:00:00Z');
const idle: WatchView = {
  ...{ state: 'idle', message: 'Both sides agree.', since: now - 12_000 },
  ...{ root: '/home/ann/Cloud/acme', bucket: 'acme-3f2a', profile: 'balanced' },
  ...{ local: 'events', localNotice: null, remote: 'events', lane: 'open', laneNotice: null },
  ...{ queue: [], queued: 0, moving: null, recent: [], openConflicts: 0, pausedUntil: null },
  ...{ lastComparedAt: now - 120_000, nextComparisonAt: now + 3_480_000, problems: [] },
};

function screen(columns: number): Output {
  const stream = { write: () => true, columns, rows: 40, isTTY: true };
  return new Output({
    ...{ format: 'table', quiet: false, verbose: false, color: true, animated: true },
    ...{ interactive: false, stdout: stream, stderr: stream },
  });
}

test('the quiet screen says where, how both sides stand and when they are compared', () => {
  const lines = presentView(idle, screen(80), now).split('\n');
  expect(lines[0]).toContain('Watching /home/ann/Cloud/acme');
  expect(lines).toContain('Bucket    acme-3f2a (balanced)');
  expect(lines.join('\n')).toMatch(/State {5}.*idle.*: Both sides agree\. \(12\.0 s\)/);
  expect(lines).toContain('Changes   seen at once, here and in the cloud');
  expect(lines).toContain('Compared  2 min ago, again in 58 min');
});

test.each([60, 80])('no line is wider than %i columns, whatever the names hold', (columns) => {
  const name = `${'very/long/'.repeat(20)}\u001b[2J\n名前.md`;
  const busy: WatchView = {
    ...idle,
    ...{ state: 'error', message: 'x'.repeat(200), queued: 3, openConflicts: 2 },
    queue: [{ path: name, direction: 'up', since: now }],
    moving: { path: name, direction: 'down', size: 1000, bytes: 340 },
    recent: [
      {
        ...{ path: name, direction: 'up', kind: 'saved', via: 'lane', at: now },
        ...{ lagMs: 300, size: 1200 },
      },
    ],
    problems: [{ message: 'y'.repeat(200), cure: 'do this' }],
  };
  const text = presentView(busy, screen(columns), now);
  expect(Math.max(...text.split('\n').map(textWidth))).toBeLessThanOrEqual(columns);
  expect(text).not.toContain('\u001b[2J');
  expect(text).toMatch(/Waiting {4}3 changes: ↑ very/);
  expect(text).toContain('34 % of 1000 B');
  expect(text).toContain('2 open: cloud conflicts list');
  expect(text).toContain('uploaded');
});

test('without events it says how soon a change is seen instead', () => {
  const polling = { ...idle, remote: 'interval', nextComparisonAt: now + 45_000 } as const;
  expect(summarizeView(polling, now)).toBe(
    'seen here at once; those in the cloud by comparing, next in 45.0 s',
  );
  const until = presentView({ ...idle, state: 'paused', pausedUntil: now }, screen(80), now);
  expect(until).toMatch(/Until \d\d:\d\d:\d\d\./);
  expect(until).toContain('Next step  cloud resume');
});

function inPipe(format: 'table' | 'json'): { lines: string[]; tell: (event: Told) => void } {
  const lines: string[] = [];
  const stream = { write: (text: string) => lines.push(text.trimEnd()) };
  const out = new Output({
    ...{ format, quiet: false, verbose: false, color: false, animated: false },
    ...{ interactive: false, stdout: stream, stderr: stream },
  });
  let tell: (event: Told) => void = () => undefined;
  const watcher = {
    view: () => idle,
    onEvent: (listener: (event: Told) => void) => {
      tell = listener;
      return () => undefined;
    },
  };
  showWatch(watcher as unknown as Watcher, out, () => now);
  return { lines, tell: (event) => tell(event) };
}
type Told = BisyncEvent | WatchEvent;

const saved: WatchEvent = {
  ...{ type: 'change', path: 'a.md', direction: 'up', kind: 'saved', via: 'lane', at: now },
  ...{ lagMs: 310, size: 1200 },
};

test('in a pipe each change is a line with its time, told once', () => {
  const { lines, tell } = inPipe('table');
  tell({ type: 'uploaded', path: 'a.md', size: 1200 });
  tell(saved);
  for (const state of ['scanning', 'idle', 'syncing', 'idle'] as const) {
    tell({ type: 'state', state, message: 'Both sides agree.' });
  }
  tell({ type: 'state', state: 'offline', message: 'The storage cannot be reached.' });
  expect(lines.slice(1)).toEqual([
    '2026-11-25T18:00:00.000Z uploaded: a.md (1.2 KiB, after 310 ms)',
    '2026-11-25T18:00:00.000Z idle: Both sides agree.',
    '2026-11-25T18:00:00.000Z offline: The storage cannot be reached.',
  ]);
});

test('under --json each event is a document', () => {
  const { lines, tell } = inPipe('json');
  tell(saved);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    {
      ...{ type: 'watching', root: idle.root, bucket: idle.bucket, profile: 'balanced' },
      ...{ state: 'idle', pid: process.pid },
    },
    saved,
  ]);
});

test('the last words say whether something was cut off', () => {
  const end = { changes: 1, durationMs: 61_000 };
  expect(presentEnd({ ...end, graceful: true })).toBe('Stopped after 1 min and 1 change.');
  expect(presentEnd({ ...end, graceful: false })).toContain('goes on with the next start');
});
