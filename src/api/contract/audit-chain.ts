import { createHash } from 'node:crypto';
import * as z from 'zod/mini';

/** One event as the chain covers it: `data` is the text that is stored. */
export interface ChainLink {
  seq: number;
  id: string;
  time: string;
  type: string;
  actor: string;
  tenant_id: string | null;
  subject_id: string | null;
  request_id: string | null;
  data: string;
  previous_hash: string;
  hash: string;
}

/** SHA-256, hexadecimal, over a JSON array of everything but `seq` and `hash`, in this order. */
export function chainHash(link: Omit<ChainLink, 'seq' | 'hash'>): string {
  const { id, time, type, actor, tenant_id, subject_id, request_id, data, previous_hash } = link;
  const values = [id, time, type, actor, tenant_id, subject_id, request_id, data, previous_hash];
  return createHash('sha256').update(JSON.stringify(values)).digest('hex');
}

/** Where the trail ends, or was sealed. */
export interface ChainPoint {
  seq: number;
  hash: string;
}

export const ChainFault = z.object({
  /**
   * `altered`: not what was recorded. `missing`: taken away, from `seq` to `until`. `moved`: not what
   * followed on the one before: reordered, replaced, or the one before is another. `added`: behind the
   * end of the trail. `rewritten`: all up to here is consistent, but not what was sealed.
   */
  kind: z.enum(['altered', 'missing', 'moved', 'added', 'rewritten']),
  seq: z.number(),
  until: z.number(),
  /** Of the event, where there is one. */
  id: z.nullable(z.string()),
});
export type ChainFault = z.infer<typeof ChainFault>;

/** So many faults are named; one is enough to know. */
export const FAULTS_NAMED = 100;

/** Checks a trail from its first event on, one after the other. */
export class ChainCheck {
  readonly faults: ChainFault[] = [];
  events = 0;
  #last: ChainPoint = { seq: 0, hash: '' };
  readonly #sealed: ChainPoint | undefined;

  /** @param from the event before the first one that is to come; default: none */
  constructor(sealed?: ChainPoint, from?: ChainPoint) {
    this.#sealed = sealed;
    if (from !== undefined) this.#last = from;
  }

  get last(): ChainPoint {
    return this.#last;
  }

  take(link: ChainLink): void {
    const { seq, id, hash } = link;
    const { seq: before, hash: previous } = this.#last;
    this.events += 1;
    if (chainHash(link) !== hash) this.note('altered', seq, seq, id);
    if (seq > before + 1) this.note('missing', before + 1, seq - 1);
    else if (seq <= before || link.previous_hash !== previous) this.note('moved', seq, seq, id);
    if (seq === this.#sealed?.seq && hash !== this.#sealed.hash) {
      this.note('rewritten', seq, seq, id);
    }
    this.#last = { seq, hash };
  }

  /** After the last one. @param head where it should end, if that is known */
  end(head: ChainPoint | undefined): void {
    const { seq, hash } = this.#last;
    const ends = [head, this.#sealed].filter((point) => point !== undefined);
    const expected = Math.max(seq, ...ends.map((point) => point.seq));
    if (expected > seq) this.note('missing', seq + 1, expected);
    else if (head !== undefined && head.seq < seq) this.note('added', head.seq + 1, seq);
    else if (head !== undefined && head.hash !== hash) this.note('rewritten', seq);
  }

  note(kind: ChainFault['kind'], seq: number, until = seq, id: string | null = null): void {
    if (this.faults.length < FAULTS_NAMED) this.faults.push({ kind, seq, until, id });
  }
}
