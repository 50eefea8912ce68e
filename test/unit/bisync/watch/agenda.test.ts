import { describe, expect, it } from 'vitest';
import {
  Agenda,
  BURST,
  BURST_QUIET_MS,
  LONGEST_MS,
  looksTemporary,
  QUIET_MS,
  TEMPORARY_MS,
} from '../../../../src/bisync/watch/agenda.ts';

const put = { change: 'put' } as const;
const paths = (agenda: Agenda, now: number): string[] => {
  const step = agenda.next(now, true);
  return step.type === 'lane' ? [...step.local, ...step.remote].map(({ path }) => path) : [];
};

describe('the agenda', () => {
  it('takes a save when it has been quiet, and counts its lag from the first event', () => {
    const agenda = new Agenda();
    agenda.localHint('a.md', 0);
    agenda.localHint('a.md', 60);
    expect(agenda.next(QUIET_MS, true)).toEqual({ type: 'wait', until: 60 + QUIET_MS });
    const step = agenda.next(60 + QUIET_MS, true);
    expect(step).toMatchObject({ type: 'lane', local: [{ path: 'a.md', first: 0, last: 60 }] });
    expect(agenda.next(1e6, true)).toEqual({ type: 'wait', until: null });
  });

  it('takes a path that is never quiet after the longest time, and says so', () => {
    const agenda = new Agenda();
    let now = 0;
    for (; now < LONGEST_MS; now += QUIET_MS / 2) {
      agenda.localHint('log.txt', now);
      expect(agenda.next(now, true).type).toBe('wait');
    }
    agenda.localHint('log.txt', now);
    expect(agenda.next(now, true)).toMatchObject({ type: 'lane', local: [{ restless: true }] });
  });

  it('lets an editor finish: its own files may vanish, the saved one does not wait for them', () => {
    const agenda = new Agenda();
    for (const path of ['.a.md.swp', '4913', 'a.md~', 'a.md']) agenda.localHint(path, 0);
    expect(paths(agenda, QUIET_MS)).toEqual(['a.md']);
    expect(agenda.next(QUIET_MS, true)).toEqual({ type: 'wait', until: TEMPORARY_MS });
    expect(paths(agenda, TEMPORARY_MS)).toEqual(['.a.md.swp', '4913', 'a.md~']);
  });

  it('takes what the cloud tells at once, the newest word of a key', () => {
    const agenda = new Agenda();
    agenda.remoteHint('a.md', { ...put, etag: 'old' }, 0);
    agenda.remoteHint('a.md', { ...put, etag: 'new' }, 5);
    expect(agenda.next(5, true)).toMatchObject({
      ...{ type: 'lane', local: [] },
      remote: [{ path: 'a.md', first: 0, event: { etag: 'new' } }],
    });
  });

  it('waits until a burst is over and hands it out as one', () => {
    const agenda = new Agenda();
    for (let each = 0; each <= BURST; each += 1) agenda.localHint(`${each}.md`, each);
    const over = BURST + BURST_QUIET_MS;
    expect(agenda.next(over - 1, true)).toEqual({ type: 'wait', until: over });
    const step = agenda.next(over, true);
    expect(step.type === 'lane' && step.local).toHaveLength(BURST + 1);
  });

  it('compares everything when more changed than can be looked at one by one', () => {
    const agenda = new Agenda();
    for (let each = 0; each <= 5000; each += 1) agenda.localHint(`${each}.md`, 0);
    expect(agenda.next(BURST_QUIET_MS, true)).toEqual({ type: 'run', reasons: ['burst'] });
  });

  it('makes a run of every change while the lane is closed', () => {
    const agenda = new Agenda();
    agenda.localHint('a.md', 0);
    expect(agenda.next(BURST_QUIET_MS, false)).toEqual({ type: 'run', reasons: ['burst'] });
  });

  it('draws requests for a run together, the earliest first, and a run ends them all', () => {
    const agenda = new Agenda();
    agenda.needRun('deleted', 1000);
    agenda.needRun('deleted', 3000);
    agenda.needRun('asked', 2000);
    agenda.localHint('a.md', 950);
    expect(agenda.next(999, true)).toEqual({ type: 'wait', until: 1000 });
    expect(agenda.next(1000, true)).toEqual({ type: 'run', reasons: ['deleted'] });
    expect(agenda.beginRun(1000).hints).toMatchObject([{ path: 'a.md' }]);
    expect(agenda.next(1e6, true)).toEqual({ type: 'wait', until: null });
  });

  it('lets what is dear to send rest, and keeps the first event of what is postponed', () => {
    const agenda = new Agenda();
    agenda.localHint('a.md', 0);
    const step = agenda.next(QUIET_MS, true);
    if (step.type !== 'lane' || step.local[0] === undefined) throw new Error('not due');
    agenda.postpone(step.local[0], 5000);
    agenda.localHint('a.md', 300);
    expect(agenda.next(4999, true)).toEqual({ type: 'wait', until: 5000 });
    expect(agenda.next(5000, true)).toMatchObject({ type: 'lane', local: [{ first: 0 }] });
    agenda.rest('a.md', 9000, 5000);
    agenda.localHint('a.md', 5001);
    expect(agenda.next(8999, true)).toEqual({ type: 'wait', until: 9000 });
  });
});

it('knows the names that editors and browsers use for a moment', () => {
  const moment = [
    '4913',
    '.a.swp',
    'a~',
    '.#a',
    '#a#',
    '~$a.docx',
    'a.tmp',
    'a.md.tmp.17',
    'a.part',
  ];
  const lasting = ['a.md', '4914', 'swp', 'tmp', 'a.template', 'notes/part.md', 'sedan.md'];
  expect(moment.filter((name) => !looksTemporary(`notes/${name}`))).toEqual([]);
  expect(lasting.filter(looksTemporary)).toEqual([]);
});
