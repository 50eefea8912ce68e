import { AuditCheck, AuditEventList, type AuditEvent, type AuditQuery } from './contract/audit.ts';
import { withQuery, type Send } from './request.ts';

export interface AuditCalls {
  listAuditEvents(query: AuditQuery): Promise<AuditEventList>;
  /** Page after page, from the first on, without ever holding more than one. */
  allAuditEvents(query: Omit<AuditQuery, 'after' | 'order'>): AsyncGenerator<AuditEvent>;
  verifyAuditTrail(): Promise<AuditCheck>;
}

const PATH = 'api/v1/admin/audit-events';
const PAGE = 500;
/** A million events take seconds. */
const VERIFY_MS = 10 * 60_000;

export function auditCalls(send: Send): AuditCalls {
  const list = (query: AuditQuery): Promise<AuditEventList> =>
    send({ method: 'GET', path: withQuery(PATH, query), answer: AuditEventList });
  return {
    listAuditEvents: list,
    allAuditEvents: async function* (query) {
      let after: number | undefined;
      do {
        const { events, next } = await list({
          limit: PAGE,
          ...query,
          ...(after === undefined ? {} : { after }),
        });
        yield* events;
        after = next === null ? undefined : Number(next);
      } while (after !== undefined);
    },
    verifyAuditTrail: () =>
      send({
        method: 'GET',
        path: `${PATH}/verify`,
        answer: AuditCheck,
        timeoutMs: VERIFY_MS,
      }),
  };
}
