import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { ApiClient } from '../api/client.ts';
import { AuditEvent, type AuditCheck, type AuditQuery } from '../api/contract/audit.ts';
import { ChainCheck, type ChainPoint } from '../api/contract/audit-chain.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { isErrno, writeFileAtomic } from '../platform/atomic-file.ts';

type Trail = Pick<ApiClient, 'listAuditEvents' | 'allAuditEvents'>;

export interface AuditFilter {
  /** RFC 3339. */
  since?: string | undefined;
  until?: string | undefined;
  tenant?: string | undefined;
  actor?: string | undefined;
  /** With or without `Event` at its end. */
  type?: string | undefined;
}

const PAGE = 500;

/** The newest first. */
export async function listAuditEvents(
  client: Trail,
  filter: AuditFilter,
  limit: number,
): Promise<AuditEvent[]> {
  const found: AuditEvent[] = [];
  let after: number | undefined;
  do {
    const query = { ...toQuery(filter), order: 'desc', after } as const;
    const wanted = Math.min(PAGE, limit - found.length);
    const { events, next } = await client.listAuditEvents({ ...query, limit: wanted });
    found.push(...events);
    after = next === null ? undefined : Number(next);
  } while (after !== undefined && found.length < limit);
  return found;
}

export interface Export {
  /** Null: standard output. */
  file: string | null;
  events: number;
  /** The last event; null: there was none. */
  head: ChainPoint | null;
}

/**
 * Writes events as NDJSON, from the first on, never holding more than a page. A file is complete, or
 * as it was.
 *
 * @param write gets each line where there is no file
 */
export async function exportAuditEvents(
  client: Trail,
  filter: AuditFilter,
  target: { file: string } | { write: (line: string) => void },
): Promise<Export> {
  const result: Export = { file: 'file' in target ? target.file : null, events: 0, head: null };
  async function* lines(): AsyncGenerator<string> {
    for await (const event of client.allAuditEvents(toQuery(filter))) {
      result.events += 1;
      result.head = { seq: event.seq, hash: event.hash };
      yield `${JSON.stringify(event)}\n`;
    }
  }
  if ('file' in target) await writeFileAtomic(target.file, lines());
  else for await (const line of lines()) target.write(line);
  return result;
}

function toQuery({ type, ...filter }: AuditFilter): AuditQuery {
  return { ...filter, type: type === undefined ? undefined : type.replace(/(?:Event)?$/, 'Event') };
}

/**
 * Checks an export of the whole trail without asking the server.
 *
 * @throws AbortError `not-an-export` (2), naming the line
 */
export async function verifyExport(path: string): Promise<AuditCheck> {
  const check = new ChainCheck();
  let number = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(path, 'utf8') })) {
      number += 1;
      const { data, ...event } = parseLine(line, path, number);
      check.take({ ...event, data: JSON.stringify(data) });
    }
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EISDIR')) throw error;
    throw new AbortError('not-an-export', `There is no file ${path}.`, {
      exitCode: ExitCode.usage,
    });
  }
  return {
    intact: check.faults.length === 0,
    events: check.events,
    head: check.events === 0 ? null : check.last,
    sealed_seq: null,
    faults: check.faults,
  };
}

function parseLine(line: string, path: string, number: number): AuditEvent {
  try {
    return AuditEvent.parse(JSON.parse(line));
  } catch {
    throw new AbortError('not-an-export', `Line ${number} of ${path} is no event of a trail.`, {
      exitCode: ExitCode.usage,
      suggestions: ['cloud admin audit export FILE'],
      details: { line: number },
    });
  }
}
