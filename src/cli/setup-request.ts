import type { Host } from '../platform/host.ts';
import { whyNoMount } from '../onboarding/mode.ts';
import type { SetupDeps, SetupOptions } from '../onboarding/request.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Output } from '../output/output.ts';
import { inHome } from '../platform/places.ts';
import { readConfiguration, type Configuration, type SetupMode } from '../session/configuration.ts';
import { openSession } from '../session/open.ts';
import { openSecretStore } from '../session/secret-store.ts';
import {
  accountFor,
  contextFor,
  resolveServer,
  selectContext,
  type NamedContext,
  type SessionFlags,
} from '../session/settings.ts';
import { checkContextName, signIn, type SignedIn } from '../session/sign-in.ts';
import { readApiKey } from './api-key-input.ts';
import { mountSupervisor } from './mount-supervisor.ts';
import { secretsForSignIn } from './secret-storage.ts';
import { askMode, askServer } from './setup-questions.ts';
import { requestSignIn } from './sign-in-request.ts';

interface SetupFlags {
  mode?: SetupMode | undefined;
  path?: string | undefined;
  'mount-path'?: string | undefined;
  profile?: SetupOptions['profile'];
  rclone?: string | undefined;
  'token-stdin': boolean;
  username?: string | undefined;
  'password-stdin'?: boolean | undefined;
  watch: boolean;
  'insecure-storage': boolean;
  tenant?: string | undefined;
  browser?: boolean | undefined;
  context?: string | undefined;
  server?: string | undefined;
}

type SetupRun = Pick<SetupDeps, 'host' | 'signal' | 'confirm' | 'onFirstSync'> & {
  out: Output;
};

/**
 * Turns the flags of `cloud setup` into what the service asks for. What must be asked is asked here,
 * before any step is drawn: a question in the middle of a moving picture is not seen.
 */
export async function setupRequest(
  flags: SetupFlags,
  run: SetupRun,
): Promise<{ options: SetupOptions; deps: SetupDeps }> {
  const { host, out, signal, confirm, onFirstSync } = run;
  const { interactive } = out.options;
  const newKey = flags['token-stdin'];
  checkContextName(flags.context);
  let secrets = openSecretStore(host, { insecureStorage: flags['insecure-storage'] });
  const configuration = await readConfiguration(host);
  const known = contextIfAny(configuration, flags);
  if (known === undefined && flags.server === undefined && flags.context !== undefined) {
    refuseUnknownContext(configuration, flags.context);
  }
  const startedBefore = known === undefined ? undefined : configuration.folders[known.name]?.mode;
  if (flags.watch && flags.mode === 'mount') throw nothingToWatch();
  const wanted = flags.mode ?? (flags.watch ? 'bisync' : undefined);
  const mode = wanted ?? (newKey || hasToken(host) ? undefined : startedBefore);
  let server = flags.server;
  let signedInNow: SignedIn | undefined;
  const options: SetupOptions = {
    flags: { context: flags.context, server },
    mode,
    syncFolder: inHome(flags.path, host.places),
    mountFolder: inHome(flags['mount-path'], host.places),
    profile: flags.profile,
    rclonePath: flags.rclone,
    newKey,
  };
  if (interactive) {
    if (wanted === undefined) {
      const whyNot = await whyNoMount(host, flags.rclone);
      options.mode = await askMode({ known: startedBefore, whyNoMount: whyNot }, signal);
    }
    if (server === undefined && known === undefined) {
      server = await askServer(signal);
      options.flags.server = server;
    }
  }
  const mayAsk = interactive && !newKey && !hasToken(host);
  // Who gives a name and a password wants that account, whoever is signed in.
  const asksNow =
    flags.username !== undefined ||
    (mayAsk && !(await isSignedIn(host, options.flags, { secrets, signal })));
  if (asksNow) {
    secrets = await secretsForSignIn(host, flags, { out, signal });
    const address = (await resolveServer(host, options.flags)).url;
    signedInNow = await requestSignIn(address, flags, { host, out, secrets, signal });
    options.flags.context = signedInNow.context;
  }
  const deps: SetupDeps = {
    ...{ host, signal, confirm, onFirstSync, secrets },
    signIn: async () => {
      const { url } = await resolveServer(host, { context: flags.context, server });
      const apiKey = await readApiKey({ stdin: newKey, env: host.env });
      const store = newKey || !hasToken(host);
      return signIn({ server: url, apiKey, contextName: flags.context, store }, host, secrets);
    },
    signedInNow,
    mountSupervisor: mountSupervisor(flags.rclone),
  };
  return { options, deps };
}

/** Whether the key of an earlier run still opens the door. Any other trouble is the steps' to tell. */
async function isSignedIn(
  host: Host,
  flags: SessionFlags,
  deps: Pick<SetupDeps, 'secrets' | 'signal'>,
): Promise<boolean> {
  try {
    await (await openSession(host, flags, deps)).api.me();
    return true;
  } catch (error) {
    deps.signal.throwIfAborted();
    if (!(error instanceof AbortError)) throw error;
    const notYet = ['not-set-up', 'unknown-context'].includes(error.code);
    return !notYet && error.exitCode !== ExitCode.auth;
  }
}

/**
 * A name that is not known where others are may be a slip of the fingers; a new one says its server.
 *
 * @throws AbortError `unknown-context` (2)
 */
function refuseUnknownContext(configuration: Configuration, name: string): void {
  if (Object.keys(configuration.contexts).length === 0) return;
  try {
    selectContext(configuration, name);
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
    const { code, message, exitCode, suggestions, details } = error;
    throw new AbortError(code, message, {
      ...{ exitCode, details },
      suggestions: [...suggestions, `A new one: cloud setup --context ${name} --server URL`],
    });
  }
}

/** For setup, a context that does not exist yet is one to make. */
function contextIfAny(configuration: Configuration, flags: SessionFlags): NamedContext | undefined {
  const exists = flags.context === undefined || flags.context in configuration.contexts;
  if (!exists) return undefined;
  // One that administers the server is none to set a folder up for.
  return accountFor(configuration, flags)?.tenant === null
    ? undefined
    : contextFor(configuration, flags);
}

function nothingToWatch(): AbortError {
  return new AbortError('nothing-to-watch', '--watch keeps a synced folder in step, not a mount.', {
    exitCode: ExitCode.usage,
    suggestions: ['cloud setup --mode bisync --watch', 'cloud setup --mode both --watch'],
  });
}

function hasToken(host: Host): boolean {
  return (host.env['CLOUD_TOKEN'] ?? '') !== '';
}
