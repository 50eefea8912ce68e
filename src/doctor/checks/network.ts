import { ExitCode } from '../../output/exit-codes.ts';
import { formatDuration } from '../../output/format.ts';
import { proxyFor } from '../../platform/proxy.ts';
import type { Check } from '../check.ts';
import type { Facts } from '../facts.ts';
import { failure, ok, skipped, warning, type Cure, type Observation } from '../finding.ts';
import type { Reach, Unreachable } from '../reach.ts';

export const networkChecks: readonly Check[] = [
  {
    id: 'proxy',
    group: 'Network',
    title: 'Proxy',
    needs: ['context'],
    withinMs: 2000,
    exitCode: ExitCode.unreachable,
    run: proxy,
  },
  {
    id: 'network',
    group: 'Network',
    title: 'Network',
    needs: ['context'],
    withinMs: 10_000,
    exitCode: ExitCode.unreachable,
    run: network,
  },
  {
    id: 'server',
    group: 'Network',
    title: 'Server',
    needs: ['network'],
    withinMs: 10_000,
    exitCode: ExitCode.unreachable,
    run: async (facts) => {
      const reached = await facts.server();
      const seen = judgeReach('The server', reached, facts.host.clock.now());
      if (!reached.ok || reached.status < 400 || reached.status === 407) return seen;
      return [
        failure(ExitCode.unreachable, `${reached.url.origin} answered ${reached.status}`, {
          cause: 'It does not answer as this server does, or something in between answers for it.',
          cure: { sentence: 'Check its address, and any proxy in between.' },
        }),
      ];
    },
  },
  {
    id: 'storage',
    group: 'Network',
    title: 'Storage',
    needs: ['network'],
    withinMs: 10_000,
    exitCode: ExitCode.unreachable,
    run: async (facts) => {
      const reached = await facts.storage();
      if (reached === undefined) return [skipped('there is no key yet that says where it is')];
      return judgeReach('The storage', reached, facts.host.clock.now());
    },
  },
  {
    id: 'clock',
    group: 'Network',
    title: 'Clock',
    needs: ['network'],
    withinMs: 10_000,
    exitCode: ExitCode.needsPerson,
    run: async (facts) =>
      judgeClock(
        [
          { name: 'the server', reached: await facts.server() },
          { name: 'the storage', reached: await facts.storage() },
        ],
        facts.host.platform,
      ),
  },
];

/** Which ways through a proxy are in force, for the addresses that are used. */
async function proxy(facts: Facts): Promise<Observation[]> {
  const { env } = facts.host;
  const { server } = (await facts.session()).context;
  const access = await facts.access().catch(() => undefined);
  const addresses = [server, ...(access === undefined ? [] : [access.endpoint])];
  const used = new Map<string, { proxy: string; hosts: Set<string> }>();
  for (const address of addresses) {
    const url = new URL(address);
    const found = proxyFor(url, env);
    if (found === undefined) continue;
    const entry = used.get(found.variable) ?? { proxy: found.proxy, hosts: new Set() };
    used.set(found.variable, { ...entry, hosts: entry.hosts.add(url.host) });
  }
  if (used.size === 0) return [ok('No proxy is used for the server or the storage')];
  return [...used].map(([variable, { proxy: address, hosts }]) => {
    const shown = withoutPassword(address);
    const to = [...hosts].join(' and ');
    if (shown !== undefined) return ok(`${to} through the proxy ${shown} (${variable})`);
    return failure(ExitCode.unreachable, `${variable} is not the address of a proxy`, {
      cause: `It is used for ${to}.`,
      cure: { sentence: 'Give it as http://proxy.example:3128.', command: `unset ${variable}` },
    });
  });
}

/** A proxy's address often holds its password; undefined when it is no address. */
function withoutPassword(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, host } = new URL(address);
  return /^https?:$/.test(protocol) ? `${protocol}//${host}` : undefined;
}

/** One line when nothing can be reached, instead of one for each thing that needs the network. */
async function network(facts: Facts): Promise<Observation[]> {
  const [server, storage] = await Promise.all([facts.server(), facts.storage()]);
  if (server.ok || storage?.ok === true) return [ok('The network can be used')];
  const alike = storage === undefined || storage.why === server.why;
  // Each has its own trouble; then each tells it.
  if (!alike || !OFFLINE.has(server.why)) return [];
  const summary =
    storage === undefined
      ? 'The server cannot be reached'
      : 'Neither the server nor the storage can be reached';
  const hosts = [server.url.host, ...(storage === undefined ? [] : [storage.url.host])];
  return [
    failure(ExitCode.unreachable, summary, {
      cause: `${hosts.join(' and ')}: ${REASONS[server.why]} (${server.code})`,
      cure: curesFor(server.why, server.url),
    }),
  ];
}

const OFFLINE: ReadonlySet<Unreachable> = new Set([
  ...(['no-name', 'no-route', 'refused', 'timeout', 'proxy'] as const),
]);

/** `who` at the beginning of a sentence. */
export function judgeReach(who: string, reached: Reach, now: number): Observation[] {
  const { url } = reached;
  if (!reached.ok) {
    return [
      failure(
        FOR_A_PERSON.has(reached.why) ? ExitCode.needsPerson : ExitCode.unreachable,
        `${who} cannot be reached at ${url.origin}`,
        { cause: `${REASONS[reached.why]} (${reached.code})`, cure: curesFor(reached.why, url) },
      ),
    ];
  }
  if (reached.status === 407) {
    return [
      failure(ExitCode.unreachable, `A proxy refuses the way to ${url.host}`, {
        cause: 'It wants a user name and password (407)',
        cure: curesFor('proxy', url),
      }),
    ];
  }
  const { certificateEndsMs: end } = reached;
  if (end === undefined) return [ok(`${who} answers at ${url.origin}`)];
  const date = new Date(end).toISOString().slice(0, 10);
  if (end - now < SOON_MS) {
    return [
      warning(`The certificate of ${url.host} ends on ${date}`, {
        cause: 'After that nothing here can reach it.',
        cure: { sentence: 'Tell whoever runs it to renew the certificate.' },
      }),
    ];
  }
  return [ok(`${who} answers at ${url.origin}; its certificate holds until ${date}`)];
}

const SOON_MS = 7 * 86_400_000;

const FOR_A_PERSON: ReadonlySet<Unreachable> = new Set([
  ...(['untrusted', 'wrong-name', 'certificate-dates'] as const),
]);

const REASONS: Record<Unreachable, string> = {
  'no-name': 'Its name cannot be looked up',
  'no-route': 'There is no way to its network',
  refused: 'Nothing listens there: the connection was refused',
  timeout: 'No answer in time',
  cut: 'The connection was cut',
  untrusted: 'Its certificate is of nobody whom this machine trusts',
  'certificate-dates': 'Its certificate has expired or is not valid yet',
  'wrong-name': 'Its certificate is for another name',
  'not-tls': 'It does not speak TLS',
  'not-http': 'It does not speak HTTP',
  proxy: 'The proxy refuses or cannot be reached',
  other: 'It failed in a way that is not known here',
};

function curesFor(why: Unreachable, url: URL): Cure {
  const command = `curl -v ${url.origin}/`;
  switch (why) {
    case 'no-name':
    case 'no-route':
      return { sentence: 'Check the network, the VPN, and the address.', command };
    case 'refused':
      return /^(localhost|127\.)/.test(url.hostname)
        ? { sentence: 'Is the server on this machine running?', command: 'cloud server start' }
        : { sentence: 'Check the address, or ask whoever runs it.', command };
    case 'untrusted':
      return {
        sentence: 'If it is your own, trust the authority that signed it.',
        command: 'export NODE_EXTRA_CA_CERTS=/path/of/authority.pem',
      };
    case 'certificate-dates':
      return { sentence: 'Check the clock of this machine; else it must be renewed there.' };
    case 'not-tls':
      return { sentence: 'Is its address http://, without the s?', command };
    case 'proxy':
      return {
        sentence: 'Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY; they may want a user and password.',
        command: `NO_PROXY=${url.hostname} cloud doctor`,
      };
    default:
      return { sentence: 'Check the address, and any proxy or firewall in between.', command };
  }
}

interface Answerer {
  name: string;
  reached: Reach | undefined;
}

/** S3 refuses signatures that are more than 15 minutes off; `newer` decides nothing above one. */
const REFUSED_MS = 15 * 60_000;
const NOTICED_MS = 60_000;

export function judgeClock(
  answerers: readonly Answerer[],
  platform: NodeJS.Platform,
): Observation[] {
  const skews = answerers.flatMap(({ name, reached }) =>
    reached?.ok === true && reached.serverTimeMs !== undefined
      ? [{ name, skew: reached.answeredAtMs - reached.serverTimeMs }]
      : [],
  );
  const worst = skews.sort((a, b) => Math.abs(b.skew) - Math.abs(a.skew))[0];
  if (worst === undefined) return [skipped('nobody told the time')];
  const { name, skew } = worst;
  const off = `${formatDuration(Math.abs(skew))} ${skew > 0 ? 'ahead of' : 'behind'} ${name}`;
  const command = TIME_SYNC[platform];
  const cure: Cure = {
    sentence: 'Let the system keep the time.',
    ...(command !== undefined && { command }),
  };
  if (Math.abs(skew) >= REFUSED_MS) {
    const cause = 'The storage refuses requests that are signed more than 15 minutes off.';
    return [failure(ExitCode.needsPerson, `The clock is ${off}`, { cause, cure })];
  }
  if (Math.abs(skew) < NOTICED_MS) return [ok(`The clock agrees with ${name}`)];
  const cause = 'Which of two conflicting versions is newer cannot be told then.';
  return [warning(`The clock is ${off}`, { cause, cure })];
}

const TIME_SYNC: Partial<Record<NodeJS.Platform, string>> = {
  darwin: 'sudo sntp -sS time.apple.com',
  linux: 'sudo timedatectl set-ntp true',
  win32: 'w32tm /resync',
};
