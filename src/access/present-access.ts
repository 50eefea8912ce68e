import type { ApiKey, ApiKeyWithSecret } from '../api/contract/api-keys.ts';
import type { AuthSession } from '../api/contract/auth.ts';
import type { Output } from '../output/output.ts';
import { count } from '../output/format.ts';
import { formatFields, type Column, type Row } from '../output/table.ts';
import type { RotatedApiKey } from './api-keys.ts';
import type { ListedCredential } from './credentials.ts';
import type { RotatedCredential, RotateStep } from './rotate-credential.ts';
import type { RevokedSessions } from './sessions.ts';

export const SESSION_COLUMNS: readonly Column[] = [
  { key: 'id', title: 'ID' },
  { key: 'device', title: 'DEVICE' },
  { key: 'address', title: 'FROM' },
  { key: 'tenant', title: 'TENANT' },
  { key: 'last_used_at', title: 'LAST USED' },
  { key: 'here', title: '' },
];

export function sessionRow(session: AuthSession, out: Output): Row {
  const { id, device_name: name, device_system: system, method, address, current } = session;
  const row = {
    ...{ id, method, address, current },
    ...{ device: name ?? system ?? method, system, tenant: session.tenant?.slug ?? null },
    created_at: session.created_at,
    last_used_at: session.last_used_at,
    expires_at: session.expires_at,
  };
  return forPeople(out, row, { here: current ? 'this one' : '' });
}

export const API_KEY_COLUMNS: readonly Column[] = [
  { key: 'id', title: 'ID' },
  { key: 'label', title: 'LABEL' },
  { key: 'key', title: 'KEY' },
  { key: 'tenant', title: 'TENANT' },
  { key: 'scopes', title: 'SCOPES' },
  { key: 'expires_at', title: 'ENDS' },
  { key: 'last_used_at', title: 'LAST USED' },
];

/** What may be shown of a key: how it begins and ends. */
export function apiKeyRow(key: ApiKey, out: Output): Row {
  const { id, label, current, owner, prefix, last4 } = key;
  const row = {
    ...{ id, label, key: `${prefix}…${last4}`, tenant: key.tenant?.slug ?? null },
    scopes: key.scopes.join(' '),
    ...{ owner, current },
    created_at: key.created_at,
    expires_at: key.expires_at,
    last_used_at: key.last_used_at,
    replaced_by: key.replaced_by,
  };
  return forPeople(out, row, { last_used_at: day(key.last_used_at) || 'never' });
}

export const CREDENTIAL_COLUMNS: readonly Column[] = [
  { key: 'id', title: 'ID' },
  { key: 'description', title: 'FOR' },
  { key: 'permission', title: 'MAY' },
  { key: 'expires_at', title: 'ENDS' },
  { key: 'last_used_at', title: 'LAST USED' },
  { key: 'here', title: '' },
];

export function credentialRow(credential: ListedCredential, out: Output): Row {
  const { id, access_key, description, permission, prefix, mine, this_machine } = credential;
  const row = {
    ...{ id, access_key, description, permission, prefix },
    created_at: credential.created_at,
    expires_at: credential.expires_at,
    last_used_at: credential.last_used_at,
    replaces: credential.replaces,
    ...{ mine, this_machine },
  };
  return forPeople(out, row, {
    permission: permission === 'rw' ? 'write' : 'read',
    here: this_machine ? 'this machine' : mine ? '' : "somebody else's",
  });
}

/** Programs get the values as they are, people shorter ones and their own columns. */
function forPeople(out: Output, row: Row, own: Row): Row {
  if (out.options.format !== 'table') return row;
  const dates = Object.entries(row).filter(([key]) => key.endsWith('_at'));
  const short = dates.map(([key, value]) => [key, day(value)] as const);
  return { ...row, id: String(row['id']).slice(0, 12), ...Object.fromEntries(short), ...own };
}

function day(value: Row[string]): string {
  return typeof value === 'string' ? value.slice(0, 16).replace('T', ' ') : '';
}

export function presentRevokedSessions({ revoked, signed_out: out }: RevokedSessions): string {
  if (revoked.length === 0) return 'There was no other session.';
  return `Ended ${count(revoked.length, 'session')}.${out ? ' This machine is signed out: cloud login' : ''}`;
}

/** The key alone on stdout, so that it can be piped; the rest on stderr. */
export function printNewApiKey(key: ApiKeyWithSecret, out: Output): void {
  const { api_key: secret, ...rest } = key;
  out.note(
    formatFields([
      ['Id', rest.id],
      ['Label', rest.label],
      ['Tenant', rest.tenant?.slug],
      ['Allowed', rest.scopes.join(', ')],
      ['Ends', `${day(rest.expires_at)} UTC`],
    ]),
  );
  out.note('\nThe API key, shown this once (sign in with `cloud login --token-stdin`):');
  out.secret(key, secret);
}

export function printRotatedApiKey(rotated: RotatedApiKey, out: Output): void {
  const { key, replaced, stored } = rotated;
  const until = `${day(replaced.valid_until)} UTC`;
  if (!stored) {
    printNewApiKey(key, out);
    out.note(`The old key ${replaced.id} can be used until ${until}.`);
    return;
  }
  const { api_key: _stored, ...rest } = key;
  out.result(
    { key: rest, replaced, stored },
    () => `This machine signs in with the new key ${key.id}; the old one ends at ${until}.`,
  );
}

export function presentRevokedCredentials(revoked: readonly ListedCredential[]): string {
  const here = revoked.some((each) => each.this_machine);
  const lines = [`Revoked ${count(revoked.length, 'key')} of the bucket.`];
  if (here)
    lines.push("This machine's own is among them; the next sync or mount gets another one.");
  return lines.join('\n');
}

export function presentRotated(rotated: RotatedCredential): string {
  const { bucket, replaced, still_in_use_by: mounts } = rotated;
  if (replaced.revoked) return `A new key for ${bucket} is in use; the old one is revoked.`;
  return [
    `A new key for ${bucket} is stored. The old one stays valid, because it is in use at`,
    ...mounts.map((path) => `  ${path}`),
    'where something is open or not uploaded yet. To finish it: cloud credentials rotate',
  ].join('\n');
}

const STEPS: Record<RotateStep, string> = {
  issued: 'A new key was issued.',
  resumed: 'Going on with a rotation that was not finished.',
  verified: 'The bucket takes it.',
  stored: 'It is stored.',
  switched: 'What runs here uses it.',
  revoked: 'The old one is revoked.',
};

export function describeRotateStep(step: RotateStep): string {
  return STEPS[step];
}
