import { hostname, release, type } from 'node:os';
import { createApiClient } from '../api/client.ts';
import { Shown } from '../api/contract/auth.ts';
import { INSTANCE_SCOPES } from '../api/contract/scopes.ts';
import type { TrustedIssuer } from '../api/contract/issuers.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Output } from '../output/output.ts';
import { hasBrowser, openBrowser } from '../platform/browser.ts';
import type { Host } from '../platform/host.ts';
import { deviceFlow, type DeviceCode } from '../session/device-flow.ts';
import { chooseIssuer, issuerSignIn } from '../session/issuer-sign-in.ts';
import { passwordSignIn, type ChooseTenant } from '../session/password.ts';
import { deviceCodeEvent, presentDeviceCode } from '../session/present-session.ts';
import type { SecretStore } from '../session/secret-store.ts';
import { checkContextName, signIn, signInWithSession, type SignedIn } from '../session/sign-in.ts';
import { toGrant, type Grant } from '../session/tokens.ts';
import { readApiKey } from './api-key-input.ts';
import { readPasswordFromStdin } from './password-input.ts';

export interface SignInFlags {
  'token-stdin': boolean;
  username?: string | undefined;
  'password-stdin'?: boolean | undefined;
  /** Slug of the tenant; asked for where a person has several. */
  tenant?: string | undefined;
  /** For what administers the server only, in no tenant. */
  admin?: boolean | undefined;
  /** Shows a code also where nobody can be asked. */
  device?: boolean | undefined;
  browser?: boolean | undefined;
  /** Name or address of a trusted issuer; null: none of them (`--no-issuer`). */
  issuer?: string | null | undefined;
  context?: string | undefined;
}

export interface SignInRun {
  host: Host;
  out: Output;
  secrets: SecretStore;
  signal: AbortSignal;
}

/**
 * Signs in as the flags say: with an API key (`--token-stdin`, or `CLOUD_TOKEN`, which is stored),
 * with a password, else by the device flow where somebody can read the code.
 *
 * @throws AbortError `no-token` (4) where there is no way
 */
export async function requestSignIn(
  server: string,
  flags: SignInFlags,
  run: SignInRun,
): Promise<SignedIn> {
  const { host, out, secrets, signal } = run;
  checkContextName(flags.context);
  const options = { server, contextName: flags.context };
  if (flags.username !== undefined) {
    const grant = await byPassword(server, { ...flags, username: flags.username }, run);
    return signInWithSession({ ...options, grant }, host, secrets);
  }
  const given = flags['token-stdin'] || (host.env['CLOUD_TOKEN'] ?? '').trim() !== '';
  if (!given && (flags.device === true || out.options.interactive)) {
    return signInWithSession(
      { ...options, grant: await byDevice(server, flags, run) },
      host,
      secrets,
    );
  }
  const apiKey = await readApiKey({ stdin: flags['token-stdin'], env: host.env });
  signal.throwIfAborted();
  return signIn({ ...options, apiKey, store: true }, host, secrets);
}

/** By a code that a person approves in a browser. */
async function byDevice(
  server: string,
  flags: Pick<SignInFlags, 'tenant' | 'admin' | 'browser' | 'issuer'>,
  run: Omit<SignInRun, 'secrets'>,
): Promise<Grant> {
  const { host, out, signal } = run;
  const { interactive } = out.options;
  const api = createApiClient({ server, signal });
  const request = { ...device(), ...wanted(flags) };
  const deps = {
    ...{ clock: host.clock, signal },
    onCode: (code: DeviceCode) => showCode(code, flags.browser !== false, run),
  };
  const { trusted_issuers: trusted } = await api.signInMetadata();
  const ask = async (issuers: readonly TrustedIssuer[]): Promise<TrustedIssuer | undefined> =>
    (await import('./sign-in-questions.ts')).askIssuer(issuers, signal);
  const issuer = await chooseIssuer(trusted, flags.issuer, interactive ? ask : undefined);
  if (issuer !== undefined) {
    const choose = interactive ? chooseTenant(signal) : undefined;
    return issuerSignIn(server, issuer, request, { ...deps, choose });
  }
  return deviceFlow({ ...deps, begin: () => api.authorizeDevice(request) }, async (deviceCode) =>
    toGrant(await api.deviceToken(deviceCode)),
  );
}

function chooseTenant(signal: AbortSignal): ChooseTenant {
  return async (tenants) => (await import('./sign-in-questions.ts')).askTenant(tenants, signal);
}

async function showCode(
  code: DeviceCode,
  mayOpen: boolean,
  { host, out }: Omit<SignInRun, 'secrets'>,
): Promise<void> {
  out.event(deviceCodeEvent(code));
  // Not a note, which --quiet would hide: without the code nothing goes on.
  if (!out.json) out.options.stderr.write(`${presentDeviceCode(code, out)}\n`);
  if (!mayOpen || !out.options.interactive || !hasBrowser(host)) return;
  if (await openBrowser(code.addressWithCode)) out.note('It was opened in your browser.');
}

async function byPassword(
  server: string,
  flags: SignInFlags & { username: string },
  { out, signal }: SignInRun,
): Promise<Grant> {
  const { interactive } = out.options;
  const request = {
    ...{ username: flags.username, password: await readPassword(flags, interactive, signal) },
    ...{ ...wanted(flags), ...device() },
  };
  // What was piped in is at its end, so the terminal is not there for questions.
  const mayAsk = interactive && flags['password-stdin'] !== true;
  return passwordSignIn(
    request,
    createApiClient({ server, signal }),
    mayAsk ? chooseTenant(signal) : undefined,
  );
}

async function readPassword(
  flags: SignInFlags,
  interactive: boolean,
  signal: AbortSignal,
): Promise<string> {
  let password = '';
  if (flags['password-stdin'] === true) {
    password = await readPasswordFromStdin();
  } else if (interactive) {
    const { askSecret } = await import('../output/prompt.ts');
    password = await askSecret('Password:', signal);
  }
  if (password !== '') return password;
  throw new AbortError('no-password', 'There is no password to sign in with.', {
    exitCode: ExitCode.usage,
    suggestions: ['Give it on standard input: --password-stdin < password.txt'],
  });
}

/** What is asked for. Scopes of the server only leave no tenant to choose. */
function wanted({ tenant, admin }: Pick<SignInFlags, 'tenant' | 'admin'>): {
  tenant?: string;
  scope?: string;
} {
  if (admin === true) return { scope: INSTANCE_SCOPES.join(' ') };
  return tenant === undefined ? {} : { tenant };
}

/** How the server names this machine to people. */
function device(): { device_name?: string; device_system?: string } {
  const name = shown(hostname());
  const system = shown(`${type()} ${release()}`);
  return {
    ...(name === undefined ? {} : { device_name: name }),
    ...(system === undefined ? {} : { device_system: system }),
  };
}

function shown(text: string): string | undefined {
  return Shown.safeParse(text.trim().slice(0, 100)).data;
}
