import type { Output } from '../output/output.ts';
import type { Host } from '../platform/host.ts';
import { openSecretStore, type SecretStore } from '../session/secret-store.ts';

/**
 * The secrets, ready to take more: where there is no open keychain, a person at a terminal is asked,
 * and nobody else. Said before anybody goes to the trouble of signing in.
 *
 * @throws AbortError `no-keychain` (78)
 */
export async function secretsForSignIn(
  host: Host,
  flags: { 'insecure-storage': boolean },
  run: { out: Output; signal: AbortSignal },
): Promise<SecretStore> {
  const { out, signal } = run;
  const secrets = openSecretStore(host, {
    insecureStorage: flags['insecure-storage'],
    agreeToFile: out.options.interactive
      ? async (why) => (await import('./sign-in-questions.ts')).askKeyFile(why, signal)
      : undefined,
  });
  const aside = await secrets.prepare();
  if (aside !== undefined) {
    out.warn(`What the locked keychain opens was put aside: ${aside}. Sign in anew where needed.`);
  }
  return secrets;
}
