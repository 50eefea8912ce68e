import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseLogLine } from '../../../src/rclone/log.ts';

const base = { time: '2026-11-23T03:22:06.816411573Z', level: 'notice' };

test('a dry-run deletion, as rclone 1.75.2 wrote it', () => {
  const line =
    '{"time":"2026-11-23T03:22:06.816411573Z","level":"notice","msg":"Skipped delete as --dry-run is set (size 2)","skipped":"delete","size":2,"object":"y","objectType":"*local.Object","source":"operations/operations.go:2672"}';
  expect(parseLogLine(line)).toEqual({
    ...base,
    type: 'object',
    message: 'Skipped delete as --dry-run is set (size 2)',
    path: 'y',
    size: 2,
    side: 'local',
    skipped: 'delete',
  });
});

test('statistics', () => {
  const stats = {
    ...{ bytes: 4, totalBytes: 4, transfers: 2, totalTransfers: 2, checks: 3, deletes: 0 },
    ...{ renames: 0, errors: 0, speed: 0, elapsedTime: 0.005, eta: null, fatalError: false },
  };
  const event = parseLogLine(JSON.stringify({ ...base, msg: 'Transferred', stats }));
  expect(event).toMatchObject({ type: 'stats', stats: { transfers: 2, elapsedTime: 0.005 } });
});

test('other lines are messages, and what is not JSON is text', () => {
  expect(parseLogLine(JSON.stringify({ ...base, msg: 'Bisync successful' }))).toMatchObject({
    type: 'message',
    message: 'Bisync successful',
  });
  for (const line of ['panic: runtime error', '{"time":1}', '{', '']) {
    expect(parseLogLine(line)).toEqual({ type: 'text', message: line });
  }
});

test('never throws', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => void parseLogLine(line)));
});
