import type { AuditCheck, AuditEvent } from '../api/contract/audit.ts';
import type { ChainFault } from '../api/contract/audit-chain.ts';
import { count } from '../output/format.ts';
import { fieldsNamed, type View } from '../output/view.ts';
import type { Export } from './audit.ts';

export const AUDIT_EVENTS: View<AuditEvent> = {
  fields: {
    ...fieldsNamed('seq', 'time', 'type', 'actor', 'actor_name', 'tenant_id', 'tenant'),
    ...fieldsNamed('subject_id', 'request_id', 'data'),
  },
  columns: [
    { title: 'TIME', show: ({ time }) => time.slice(0, 19).replace('T', ' ') },
    { title: 'EVENT', show: ({ type }) => type.replace(/Event$/, '') },
    { title: 'BY', show: ({ actor, actor_name: name }) => name ?? actor },
    { key: 'tenant', title: 'TENANT' },
    { title: 'ABOUT', show: aboutOf },
  ],
  empty: 'Nothing was recorded that fits.',
};

function aboutOf({ data, tenant, subject_id: subject }: AuditEvent): string {
  const known = Object.entries(data).filter(([name, value]) => {
    return value !== null && !(name === 'slug' && value === tenant);
  });
  const text = known.map(([name, value]) => `${name}=${String(value)}`).join(' ');
  return text === '' ? (subject ?? '') : text;
}

export function presentExport({ file, events, head }: Export): string {
  const what = `${count(events, 'event')} written to ${file ?? 'standard output'}`;
  return head === null ? `${what}.` : `${what}; the last one is ${head.seq}, hash ${head.hash}.`;
}

export function presentAuditCheck({ intact, events, head, faults, ...check }: AuditCheck): string {
  if (!intact) {
    return ['The audit trail was changed:', ...faults.map((fault) => `  ${inWords(fault)}`)].join(
      '\n',
    );
  }
  if (head === null) return 'The audit trail is empty.';
  const sealed = check.sealed_seq;
  return [
    `The audit trail is intact: ${count(events, 'event')}, the last one is ${head.seq}.`,
    ...(sealed === null ? [] : [`Sealed by the server up to ${sealed}.`]),
    `Hash of the last one: ${head.hash}`,
  ].join('\n');
}

function inWords({ kind, seq, until, id }: ChainFault): string {
  const which = until > seq ? `Events ${seq} to ${until}` : `Event ${seq}`;
  const name = id === null ? which : `${which} (${id})`;
  switch (kind) {
    case 'altered':
      return `${name} is not what was recorded.`;
    case 'missing':
      return `${which} ${until > seq ? 'are' : 'is'} missing.`;
    case 'moved':
      return `${name} does not follow on the one before: one of the two was moved or replaced.`;
    case 'added':
      return `${which} ${until > seq ? 'were' : 'was'} added from outside.`;
    case 'rewritten':
      return `${name} is not what the server sealed: the trail was written anew, or its seal was.`;
  }
}
