import type { Host } from '../platform/host.ts';
import { readConfiguration, updateConfiguration } from './configuration.ts';
import { selectContext } from './settings.ts';

export interface ListedContext {
  name: string;
  current: boolean;
  /** User name, or what the server calls the credential. */
  account: string;
  /** Slug; null: it administers the server. */
  tenant: string | null;
  server: string;
}

export async function listContexts(host: Host): Promise<ListedContext[]> {
  const { contexts, currentContext } = await readConfiguration(host);
  return Object.entries(contexts).map(([name, { account, user, tenant, server }]) => ({
    ...{ name, current: name === currentContext, account: user ?? account },
    ...{ tenant: tenant?.slug ?? null, server },
  }));
}

/** @throws AbortError `unknown-context` (2) */
export async function useContext(host: Host, name: string): Promise<ListedContext | undefined> {
  await updateConfiguration(host, (configuration) => {
    selectContext(configuration, name);
    configuration.currentContext = name;
  });
  return (await listContexts(host)).find((context) => context.name === name);
}
