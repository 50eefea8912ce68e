import type { ObjectChanged } from '../../api/contract/events.ts';
import type { StreamItem } from '../../api/event-stream.ts';

/** What an item of the event stream means for a watcher. */
export type Heard =
  /** An object is worth a look. */
  | {
      type: 'object';
      key: string;
      event: Pick<ObjectChanged, 'change' | 'etag' | 'size'>;
      source: ObjectChanged['source'];
    }
  /** Something has changed, and nobody says what: everything is compared. */
  | { type: 'compare'; reason: string }
  /** Our key was ended, or ends soon. */
  | { type: 'renew' }
  | { type: 'connected' }
  /** `again`: whether it is tried again. */
  | { type: 'disconnected'; again: boolean; detail: string };

/**
 * @param me what this watcher calls itself in what it announces, and the id of its key
 * @returns nothing for what is of no concern here
 */
export function hear(item: StreamItem, me: { origin: string; credentialId: string }): Heard[] {
  switch (item.type) {
    case 'open':
      return [{ type: 'connected' }];
    case 'gap':
      return [{ type: 'compare', reason: 'gap' }];
    case 'closed': {
      const { detail, retryInMs } = item;
      return [{ type: 'disconnected', again: retryInMs !== null, detail }];
    }
    case 'event':
      return hearEvent(item.event, me);
  }
}

function hearEvent(
  event: Extract<StreamItem, { type: 'event' }>['event'],
  { origin, credentialId }: { origin: string; credentialId: string },
): Heard[] {
  switch (event.type) {
    case 'object-changed':
      return event.origin === origin ? [] : hearObject(event);
    case 'sync-requested':
      return event.origin === origin ? [] : [{ type: 'compare', reason: 'asked' }];
    case 'credential-revoked':
    case 'credential-expiring':
      return event.credential_id === credentialId ? [{ type: 'renew' }] : [];
    case 'policy-changed':
      // The next request meets it; what it says decides.
      return [{ type: 'compare', reason: 'policy' }];
  }
}

function hearObject({ key, change, etag, size, from, source }: ObjectChanged): Heard[] {
  const content = {
    ...(etag === undefined ? {} : { etag }),
    ...(size === undefined ? {} : { size }),
  };
  const object: Heard = { type: 'object', key, event: { change, ...content }, source };
  if (change !== 'rename') return [object];
  const put: Heard = { type: 'object', key, event: { change: 'put', ...content }, source };
  // Some other key is gone, and only a listing tells which.
  if (from === undefined) return [put, { type: 'compare', reason: 'rename' }];
  return [put, { type: 'object', key: from, event: { change: 'delete' }, source }];
}
