import { describe, expect, it } from 'vitest';
import { parseIgnoreText, PathFilter } from '../../../../src/bisync/filters/path-filter.ts';
import type { RemoteHint } from '../../../../src/bisync/watch/agenda.ts';
import {
  judgeLocal,
  judgeRemote,
  LANE_BYTES,
  type LaneRules,
} from '../../../../src/bisync/watch/judge.ts';

const rules = (more: Partial<LaneRules> = {}): LaneRules => ({
  filter: new PathFilter(parseIgnoreText('*.log\n', { file: '.cloudignore', base: '' })),
  leftOut: [{ path: 'secret', folder: true, reason: 'unreadable' }],
  gitignore: false,
  names: { platform: 'linux', caseInsensitive: false, root: '/root' },
  inConflict: new Set(['fought.md']),
  inDoubt: new Set(['unsure.md']),
  ...more,
});
const agreed = { size: 3, md5: 'a'.repeat(32), etag: null };
const file = { type: 'file', size: 3 } as const;
const remote = (path: string, event: Partial<RemoteHint['event']> = {}): RemoteHint => ({
  ...{ path, first: 0, last: 0 },
  event: { change: 'put', etag: 'b'.repeat(32), size: 3, ...event },
});

describe('a change here', () => {
  it.each([
    ['a new file', 'a.md', file, undefined, 'lane'],
    ['a changed file', 'a.md', file, agreed, 'lane'],
    ['a temporary file that is gone again', 'a.md', { type: 'missing' }, undefined, 'nothing'],
    ['a deleted file', 'a.md', { type: 'missing' }, agreed, { run: 'deleted' }],
    ['a file that became a folder', 'a.md', { type: 'other' }, agreed, { run: 'deleted' }],
    ['a new folder or symlink', 'a', { type: 'other' }, undefined, 'nothing'],
    ['a large file', 'a.md', { type: 'file', size: LANE_BYTES + 1 }, agreed, { run: 'large' }],
    ['an ignored file', 'a.log', file, undefined, 'nothing'],
    ['a file of ours', '.cloud-tmp-1', file, undefined, 'nothing'],
    ['what cannot be read', 'secret/a.md', file, undefined, 'nothing'],
    ['the rules themselves', 'sub/.cloudignore', file, agreed, { run: 'rules' }],
    ['a name that rclone mixes up', 'a\u2400.md', file, undefined, { run: 'name' }],
    ['a name that is too long', `${'x'.repeat(256)}.md`, file, undefined, { run: 'name' }],
    ['a path in conflict', 'fought.md', file, agreed, { run: 'conflict' }],
    ['a path whose last write ended unknown', 'unsure.md', file, agreed, { run: 'doubt' }],
  ] as const)('%s', (_name, path, found, known, verdict) => {
    expect(judgeLocal(path, found, known, rules())).toEqual(verdict);
  });

  it('of a new name is a run where other names may be taken for it', () => {
    const names = { platform: 'win32', caseInsensitive: true, root: 'C:' } as const;
    expect(judgeLocal('a.md', file, undefined, rules({ names }))).toEqual({ run: 'name' });
    expect(judgeLocal('a.md', file, agreed, rules({ names }))).toBe('lane');
  });
});

describe('a change there', () => {
  it.each([
    ['a new object', remote('a.md'), undefined, 'lane'],
    ['a changed object', remote('a.md'), agreed, 'lane'],
    ['our own write', remote('a.md', { etag: agreed.md5 }), agreed, 'nothing'],
    ['a delete of ours', remote('a.md', { change: 'delete' }), undefined, 'nothing'],
    ['a delete', remote('a.md', { change: 'delete' }), agreed, { run: 'deleted' }],
    ['another tier', remote('a.md', { change: 'transition' }), agreed, 'nothing'],
    ['the marker of a folder', remote('a/'), undefined, 'nothing'],
    ['a key that leads outside', remote('../a.md'), undefined, { run: 'unsafe-path' }],
    ['an ignored key', remote('a.log'), undefined, 'nothing'],
    ['a large object', remote('a.md', { size: LANE_BYTES + 1 }), undefined, { run: 'large' }],
    ['the rules themselves', remote('.cloudignore'), agreed, { run: 'rules' }],
  ] as const)('%s', (_name, hint, known, verdict) => {
    expect(judgeRemote(hint, known, rules())).toEqual(verdict);
  });

  it('to an older version of ours is no echo', () => {
    const newer = { ...agreed, md5: 'c'.repeat(32) };
    expect(judgeRemote(remote('a.md', { etag: agreed.md5 }), newer, rules())).toBe('lane');
  });
});
