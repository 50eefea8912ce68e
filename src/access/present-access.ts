import type { ApiKey, ApiKeyWithSecret } from '../api/contract/api-keys.ts';
import type { AuthSession } from '../api/contract/auth.ts';
import type { Output } from '../output/output.ts';
import { count, shortDate, shortTime } from '../output/format.ts';
import { formatFields } from '../output/table.ts';
import { fieldsNamed, type View } from '../output/view.ts';
import type { RotatedApiKey } from './api-keys.ts';
import type { ListedCredential } from './credentials.ts';
import type { RotatedCredential, RotateStep } from './rotate-credential.ts';
import type { RevokedSessions } from './sessions.ts';

const shortId = ({ id }: { id: string }): string => id.slice(0, 12);

export const SESSIONS: View<AuthSession> = {
  fields: {
    ...fieldsNamed('id', 'method', 'address', 'current'),
    device: deviceOf,
    system: ({ device_system: system }) => system,
    tenant: ({ tenant }) => tenant?.slug ?? null,
    ...fieldsNamed('created_at', 'last_used_at', 'expires_at'),
  },
  columns: [
    { title: 'ID', show: shortId, whole: true },
    { key: 'device', title: 'DEVICE' },
    { key: 'address', title: 'FROM' },
    { key: 'tenant', title: 'TENANT' },
    { key: 'last_used_at', title: 'LAST USED' },
    { title: '', show: ({ current }) => (current ? 'this one' : '') },
  ],
  empty: 'There is no session.',
};

function deviceOf(session: AuthSession): string {
  return session.device_name ?? session.device_system ?? session.method;
}

/** What may be shown of a key: how it begins and ends. */
export const API_KEYS: View<ApiKey> = {
  fields: {
    ...fieldsNamed('id', 'label'),
    key: ({ prefix, last4 }) => `${prefix}…${last4}`,
    tenant: ({ tenant }) => tenant?.slug ?? null,
    scopes: ({ scopes }) => scopes.join(' '),
    ...fieldsNamed('owner', 'current'),
    ...fieldsNamed('created_at', 'expires_at', 'last_used_at', 'replaced_by'),
  },
  columns: [
    { title: 'ID', show: shortId, whole: true },
    { key: 'label', title: 'LABEL' },
    { key: 'key', title: 'KEY', ifRoom: true },
    { key: 'tenant', title: 'TENANT', ifRoom: true },
    { key: 'scopes', title: 'SCOPES', ifRoom: true },
    { title: 'ENDS', show: ({ expires_at: time }) => shortDate(time) },
    { title: 'LAST USED', show: ({ last_used_at: time }) => shortTime(time ?? 'never') },
  ],
  empty: 'There is no API key.',
};

export const CREDENTIALS: View<ListedCredential> = {
  fields: {
    ...fieldsNamed('id', 'access_key', 'description', 'permission', 'prefix'),
    ...fieldsNamed('created_at', 'expires_at', 'last_used_at', 'replaces', 'mine', 'this_machine'),
    ...fieldsNamed('source_ips'),
  },
  columns: [
    { title: 'ID', show: shortId, whole: true },
    { key: 'description', title: 'FOR' },
    { title: 'MAY', show: ({ permission }) => (permission === 'rw' ? 'write' : 'read') },
    { key: 'expires_at', title: 'ENDS' },
    { key: 'last_used_at', title: 'LAST USED' },
    { title: '', show: whoseKey },
  ],
  empty: 'There is no key.',
};

function whoseKey({ mine, this_machine: here }: ListedCredential): string {
  return here ? 'this machine' : mine ? '' : 'not yours';
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
      ['Ends', `${shortTime(rest.expires_at)} UTC`],
    ]),
  );
  out.note('\nThe API key, shown this once (sign in with `cloud login --token-stdin`):');
  out.secret(key, secret);
}

export function printRotatedApiKey(rotated: RotatedApiKey, out: Output): void {
  const { key, replaced, stored } = rotated;
  const until = `${shortTime(replaced.valid_until)} UTC`;
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
  if (revoked.length === 0) return 'There was no key of yours to revoke.';
  const here = revoked.some((each) => each.this_machine);
  const lines = [`Revoked ${count(revoked.length, 'key')} of the bucket.`];
  if (here)
    lines.push("This machine's own is among them; the next sync or mount gets another one.");
  return lines.join('\n');
}

export function presentRotated(rotated: RotatedCredential): string {
  const { bucket, replaced, still_in_use_by: users } = rotated;
  if (replaced.revoked) return `A new key for ${bucket} is in use; the old one is revoked.`;
  return [
    `A new key for ${bucket} is stored. The old one stays valid, because it is in use at`,
    ...users.map((path) => `  ${path}`),
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
