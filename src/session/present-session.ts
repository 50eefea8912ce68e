import type { Output } from '../output/output.ts';
import { formatFields } from '../output/table.ts';
import { fieldsNamed, type View } from '../output/view.ts';
import { accountText } from './account-text.ts';
import type { ListedContext } from './contexts.ts';
import type { DeviceCode } from './device-flow.ts';
import type { SettingValue } from './setting-layers.ts';
import type { SignedIn } from './sign-in.ts';
import type { Revocation, SignedOut } from './sign-out.ts';
import type { WhoAmI } from './who-am-i.ts';

export const CONTEXTS: View<ListedContext> = {
  fields: fieldsNamed('name', 'current', 'account', 'tenant', 'server'),
  columns: [
    { title: '', show: ({ current }) => (current ? '*' : '') },
    { key: 'name', title: 'NAME' },
    { title: 'ACCOUNT', show: ({ account }) => accountText(account) },
    { key: 'tenant', title: 'TENANT' },
    { key: 'server', title: 'SERVER' },
  ],
  empty: 'There is none yet: cloud setup',
};

export const SETTING_VALUES: View<SettingValue> = {
  fields: fieldsNamed('key', 'value', 'origin', 'about'),
  columns: [
    { key: 'key', title: 'SETTING' },
    { title: 'VALUE', show: ({ value }) => value },
    { key: 'origin', title: 'FROM' },
  ],
  empty: '',
};

/** The code, large, and where it goes. */
export function presentDeviceCode(code: DeviceCode, out: Output): string {
  const spaced = code.userCode.split('').join(' ');
  const bar = '─'.repeat(spaced.length + 6);
  const minutes = Math.max(1, Math.round(code.lifeMs / 60_000));
  return [
    'To sign in, open this address in a browser, here or on another device:',
    '',
    `  ${out.style('cyan', code.address)}`,
    '',
    'and type in this code:',
    '',
    `  ┌${bar}┐`,
    `  │   ${out.style('bold', spaced)}   │`,
    `  └${bar}┘`,
    '',
    `With the code in it: ${code.addressWithCode}`,
    `Waiting for you; the code is good for ${minutes} minutes. Ctrl-C gives up.`,
  ].join('\n');
}

/** The same for programs, in the words of RFC 8628. */
export function deviceCodeEvent(
  code: DeviceCode,
): { type: 'device-code' } & Record<string, unknown> {
  return {
    type: 'device-code',
    user_code: code.userCode,
    verification_uri: code.address,
    verification_uri_complete: code.addressWithCode,
    expires_in: Math.round(code.lifeMs / 1000),
  };
}

export function presentSignedIn(result: SignedIn): string {
  const who = result.account.includes(':') ? '' : ` as ${result.account}`;
  return `Signed in to ${result.server}${who} ${result.tenant === null ? 'to administer it' : `for ${result.tenant.name}`} (context ${result.context}).`;
}

export function presentSignedOut(result: SignedOut): string {
  if (result.context === null) return 'Nobody is signed in here.';
  const lines = [`Signed out of ${result.context}.`];
  const { session, bucket_key: key } = result;
  if (session !== 'none') lines.push(`The session ${SESSION[session]}.`);
  if (key !== 'none') lines.push(`This machine's key for the bucket ${BUCKET_KEY[key]}.`);
  if (result.api_key_forgotten) {
    lines.push('The API key is forgotten here; it stays valid until `cloud api-keys revoke`.');
  }
  return lines.join('\n');
}

const SESSION: Record<Exclude<Revocation, 'none'>, string> = {
  revoked: 'is ended on the server',
  unreachable:
    'was not ended on the server, which could not be reached: it ends by itself, or with `cloud sessions revoke` from another machine',
  refused: 'was not ended: the server did not let us',
  kept: 'stays',
};

const BUCKET_KEY: Record<Exclude<Revocation, 'none'>, string> = {
  revoked: 'is revoked',
  unreachable:
    'was not revoked: the server could not be reached, so it stays valid there until `cloud credentials revoke`',
  refused: 'was not revoked: the server did not let us, so it stays valid there',
  kept: 'stays valid, as you wanted',
};

const SECRETS: Record<WhoAmI['secrets'], string | null> = {
  keychain: 'in a file that a key in the keychain opens',
  file: 'in a file that only your user can read, without a keychain',
  none: null,
};

export function presentWhoAmI(result: WhoAmI, out: Output): string {
  const { credential } = result;
  const ends = credential.expires_at.slice(0, 16).replace('T', ' ');
  const unused = credential.kind === 'session' ? ' unless it is used' : '';
  const fields = [
    ['Account', accountText(result.account)],
    ['Name', result.user?.display_name],
    ['Role', result.role],
    ['Tenant', result.tenant === null ? null : `${result.tenant.name} (${result.tenant.slug})`],
    ['Server', result.server],
    ['Context', result.context],
    ['Signed in by', `${result.signed_in_by} (${credential.label})`],
    ['Ends', `${ends} UTC${unused}`],
    ['Allowed', result.scopes.join(', ')],
    ['Bucket', result.bucket],
    ['Secrets', SECRETS[result.secrets]],
  ] as const;
  return formatFields(fields, out.tableWidth);
}
