import { Agent as HttpAgent, type AgentOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

/** Never through a proxy, as curl and Go have it: a proxy's own loopback is another machine. */
const LOOPBACK = ['localhost', '127.0.0.1', '::1', '[::1]'];

export interface ProxyAgents {
  http: HttpAgent;
  https: HttpsAgent;
}

/**
 * Agents that go through the proxies that `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name, in either
 * case. https://nodejs.org/api/http.html#built-in-proxy-support
 */
export function proxyAgents(env: NodeJS.ProcessEnv, options: AgentOptions = {}): ProxyAgents {
  const noProxy = [noProxyOf(env), ...LOOPBACK].filter((part) => part !== '').join(',');
  const { NO_PROXY: _upper, no_proxy: _lower, ...named } = env;
  const proxyEnv = { ...named, no_proxy: noProxy };
  return {
    http: new HttpAgent({ ...options, proxyEnv }),
    https: new HttpsAgent({ ...options, proxyEnv }),
  };
}

/** Which variable names the proxy for this address, and the proxy; undefined without one. */
export function proxyFor(
  url: URL,
  env: NodeJS.ProcessEnv,
): { variable: string; proxy: string } | undefined {
  const names =
    url.protocol === 'https:' ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy', 'HTTP_PROXY'];
  const variable = names.find((name) => (env[name] ?? '') !== '');
  if (variable === undefined || isExempt(url, noProxyOf(env))) return undefined;
  return { variable, proxy: env[variable] ?? '' };
}

function noProxyOf(env: NodeJS.ProcessEnv): string {
  return env['no_proxy'] ?? env['NO_PROXY'] ?? '';
}

function isExempt(url: URL, noProxy: string): boolean {
  const host = url.hostname.toLowerCase();
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return [...noProxy.split(','), ...LOOPBACK].some((part) => {
    const rule = part.trim().toLowerCase();
    if (rule === '*' || rule === host || rule === `${host}:${port}`) return true;
    const domain = rule.replace(/^\*?\./, '');
    return domain !== rule && host.endsWith(`.${domain}`);
  });
}
