import { expect, it, vi } from 'vitest';
import type { SyncNotice } from '../../../../src/api/contract/events.ts';
import { Announcer } from '../../../../src/bisync/watch/announcer.ts';
import { adjustableClock } from '../../../support/adjustable-clock.ts';

function open() {
  const clock = adjustableClock();
  const sent: SyncNotice[] = [];
  const announce = vi.fn((notice: SyncNotice) => {
    sent.push(notice);
    return Promise.resolve();
  });
  return { clock, sent, announce, announcer: new Announcer(announce, 'me', clock) };
}

it('announces uploads together, with what we call ourselves', async () => {
  const { announcer, sent } = open();
  announcer.changed({ key: 'a.md', change: 'put', size: 1 });
  announcer.changed({ key: 'a.md', change: 'put', size: 2 });
  announcer.changed({ key: 'b.md', change: 'delete' });
  await announcer.settled();
  expect(sent).toEqual([
    {
      origin: 'me',
      changes: [
        { key: 'a.md', change: 'put', size: 2 },
        { key: 'b.md', change: 'delete' },
      ],
    },
  ]);
});

it('says only that there is something when it is too much to name', async () => {
  const { announcer, sent } = open();
  for (let each = 0; each < 201; each += 1) announcer.changed({ key: `${each}`, change: 'put' });
  await announcer.settled();
  expect(sent).toEqual([{ origin: 'me' }]);
});

it('leaves it to a storage that notifies by itself, until that falls silent', async () => {
  const { announcer, announce, clock } = open();
  announcer.heardStorage();
  announcer.changed({ key: 'a.md', change: 'put' });
  announcer.heardStorage();
  clock.advance(3_600_000);
  announcer.changed({ key: 'b.md', change: 'put' });
  await announcer.settled();
  expect(announce).not.toHaveBeenCalled();
  clock.advance(31_000);
  announcer.changed({ key: 'c.md', change: 'put' });
  await announcer.settled();
  expect(announce).toHaveBeenCalledOnce();
});

it('takes a failure for no trouble', async () => {
  const { announcer, announce } = open();
  announce.mockRejectedValueOnce(new Error('away'));
  announcer.changed({ key: 'a.md', change: 'put' });
  await announcer.settled();
  announcer.changed({ key: 'b.md', change: 'put' });
  await announcer.settled();
  expect(announce).toHaveBeenCalledTimes(2);
});
