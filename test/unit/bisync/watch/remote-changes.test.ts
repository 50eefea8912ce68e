import { describe, expect, it } from 'vitest';
import type { TenantEvent } from '../../../../src/api/contract/events.ts';
import { hear } from '../../../../src/bisync/watch/remote-changes.ts';

const me = { origin: 'me', credentialId: '11111111-1111-4111-8111-111111111111' };
const heard = (event: Record<string, unknown>) =>
  hear({ type: 'event', event: { id: '1-a', at: '', ...event } as unknown as TenantEvent }, me);
const change = { type: 'object-changed', key: 'b.md', source: 'storage' };

describe('what the event stream means', () => {
  it('an object is worth a look', () => {
    expect(heard({ ...change, change: 'put', etag: 'x', size: 1 })).toEqual([
      ...[
        {
          type: 'object',
          key: 'b.md',
          source: 'storage',
          event: { change: 'put', etag: 'x', size: 1 },
        },
      ],
    ]);
  });

  it('a rename that does not tell from where is a gap', () => {
    expect(heard({ ...change, change: 'rename' })).toMatchObject([
      { type: 'object', key: 'b.md', event: { change: 'put' } },
      { type: 'compare', reason: 'rename' },
    ]);
    expect(heard({ ...change, change: 'rename', from: 'a.md' })).toMatchObject([
      { type: 'object', key: 'b.md', event: { change: 'put' } },
      { type: 'object', key: 'a.md', event: { change: 'delete' } },
    ]);
  });

  it('what we announced ourselves is no news', () => {
    expect(heard({ ...change, change: 'put', source: 'client', origin: 'me' })).toEqual([]);
    expect(heard({ type: 'sync-requested', origin: 'me' })).toEqual([]);
    expect(heard({ type: 'sync-requested', origin: 'other' })).toMatchObject([{ type: 'compare' }]);
  });

  it('only our own key is renewed', () => {
    const other = '22222222-2222-4222-8222-222222222222';
    expect(heard({ type: 'credential-revoked', credential_id: other })).toEqual([]);
    for (const type of ['credential-revoked', 'credential-expiring']) {
      expect(heard({ type, credential_id: me.credentialId })).toEqual([{ type: 'renew' }]);
    }
  });

  it('a gap is compared, and an end is no end for ever unless it says so', () => {
    expect(hear({ type: 'gap', position: undefined }, me)).toMatchObject([{ type: 'compare' }]);
    const closed = { type: 'closed', reason: 'cut', detail: 'x' } as const;
    expect(hear({ ...closed, retryInMs: 5 }, me)).toMatchObject([{ again: true }]);
    expect(hear({ ...closed, retryInMs: null }, me)).toMatchObject([{ again: false }]);
  });
});
