import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer as createTlsServer } from 'node:https';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { updateConfiguration } from '../../../src/session/configuration.ts';
import { reach } from '../../../src/doctor/reach.ts';
import { visit, type Visit } from '../../support/doctor.ts';
import { freePort } from '../../support/free-port.ts';
import { serve } from '../../support/web-server.ts';
import { openWorkspace, type Workspace } from '../../support/workspace.ts';

let user: Workspace;
beforeEach(async () => {
  user = await openWorkspace();
});

/** What doctor finds for somebody whose context is on this server. */
async function visitOn(server: string, env: NodeJS.ProcessEnv = {}): Promise<Visit> {
  await updateConfiguration(user.host, (configuration) => {
    const tenant = { id: '434252dd-d83b-4b20-bf70-8a950ff875c4', slug: 'acme', name: 'Acme' };
    configuration.contexts['acme'] = { server, tenant, account: 'key' };
    configuration.currentContext = 'acme';
  });
  return visit({ ...user.host, env: { ...user.host.env, ...env } });
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test('a server that is not running is one line, and what needs it is skipped', async () => {
  const seen = await visitOn(`http://127.0.0.1:${await freePort()}`);
  expect(seen.exitCode).toBe(5);
  expect(seen.of('network')).toMatchObject([{ level: 'failure', exitCode: 5 }]);
  expect(seen.of('network')[0]?.cause).toContain('ECONNREFUSED');
  expect(seen.of('network')[0]?.cure?.command).toBe('cloud server start');
  for (const check of ['server', 'storage', 'clock', 'sign-in', 'key', 'bucket']) {
    expect(seen.of(check), check).toMatchObject([
      { level: 'skipped', cause: seen.of('network')[0]?.summary },
    ]);
  }
});

test('a name that nobody knows', async () => {
  const seen = await visitOn('https://cloud.invalid');
  expect(seen.of('network')).toMatchObject([{ level: 'failure', exitCode: 5 }]);
  expect(seen.of('network')[0]?.cause).toMatch(
    /name cannot be looked up \((ENOTFOUND|EAI_AGAIN)\)/,
  );
});

test('a server with a wrong clock', async () => {
  let ahead = 0;
  const { url } = await serve((_request, response) => {
    response.setHeader('date', new Date(Date.now() + ahead).toUTCString());
    response.end('{"name":"cloud","version":"0.0.0"}');
  });
  expect((await visitOn(url)).of('clock')).toMatchObject([{ level: 'ok' }]);
  ahead = 3 * 60_000;
  expect((await visitOn(url)).of('clock')).toMatchObject([
    { level: 'warning', summary: 'The clock is 3 min behind the server' },
  ]);
  ahead = -3 * 3_600_000;
  const late = await visitOn(url);
  expect(late.of('clock')).toMatchObject([
    { level: 'failure', exitCode: 78, summary: 'The clock is 3 h ahead of the server' },
  ]);
  expect(late.of('clock')[0]?.cure?.command).toMatch(/timedatectl|sntp|w32tm/);
});

test('something else than our server answers', async () => {
  const { url } = await serve((_request, response) => response.writeHead(503).end('<html>'));
  expect((await visitOn(url)).of('server')).toMatchObject([
    { level: 'failure', exitCode: 5, summary: `${url} answered 503` },
  ]);
});

test('a proxy that is in force is named without its password; one that is not there is blamed', async () => {
  const gone = `http://ada:3sesame@127.0.0.1:${await freePort()}`;
  const seen = await visitOn('http://cloud.example', { HTTP_PROXY: gone });
  expect(seen.of('proxy')).toMatchObject([{ level: 'ok' }]);
  expect(seen.of('proxy')[0]?.summary).toContain('(HTTP_PROXY)');
  expect(JSON.stringify(seen.findings)).not.toContain('3sesame');
  expect(seen.of('network')).toMatchObject([{ level: 'failure', exitCode: 5 }]);
  expect(seen.of('network')[0]?.cause).toContain('proxy');
  const refuses = await serve((_request, response) => response.writeHead(407).end());
  expect(
    (await visitOn('http://cloud.example', { HTTP_PROXY: refuses.url })).of('server'),
  ).toMatchObject([
    { level: 'failure', exitCode: 5, summary: 'A proxy refuses the way to cloud.example' },
  ]);
  expect(
    (await visitOn('http://cloud.example', { HTTP_PROXY: 'no address' })).of('proxy'),
  ).toMatchObject([{ level: 'failure', exitCode: 5, cure: { command: 'unset HTTP_PROXY' } }]);
});

/** A TLS server whose certificate nobody vouches for, valid until then (`YYYYMMDDhhmmssZ`). */
async function tlsServer(endDate: string): Promise<{ url: string; certificate: string }> {
  const script = `
    mkdir ca && touch ca/index
    printf '%s\\n' '[ca]' 'default_ca = own' '[own]' 'database = ca/index' 'new_certs_dir = ca' \\
      'rand_serial = yes' 'default_md = sha256' 'policy = any' 'copy_extensions = copy' \\
      '[any]' 'commonName = supplied' > ca.cnf
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem \\
      -out request.pem -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1
    openssl ca -batch -selfsign -config ca.cnf -keyfile key.pem -in request.pem \\
      -out certificate.pem -startdate 20200101000000Z -enddate ${endDate}`;
  execFileSync('sh', ['-ec', script], { cwd: user.root, stdio: 'ignore' });
  const certificate = await readFile(join(user.root, 'certificate.pem'), 'utf8');
  const key = await readFile(join(user.root, 'key.pem'), 'utf8');
  const port = await listening(
    createTlsServer({ key, cert: certificate }, (_request, response) =>
      response.end('{"name":"cloud","version":"0.0.0"}'),
    ),
  );
  return { url: `https://127.0.0.1:${port}`, certificate };
}

test('a certificate that nobody here trusts, and how to trust it', async () => {
  const { url, certificate } = await tlsServer('20400101000000Z');
  const seen = await visitOn(url);
  expect(seen.of('server')).toMatchObject([{ level: 'failure', exitCode: 78 }]);
  expect(seen.of('server')[0]?.cause).toContain('SELF_SIGNED');
  expect(seen.of('server')[0]?.cure?.command).toContain('NODE_EXTRA_CA_CERTS=');
  expect(seen.of('sign-in')).toMatchObject([{ level: 'skipped' }]);
  trust(certificate);
  expect((await visitOn(url)).of('server')).toMatchObject([
    {
      level: 'ok',
      summary: `The server answers at ${url}; its certificate holds until 2040-01-01`,
    },
  ]);
});

test('a certificate that has expired', async () => {
  const { url, certificate } = await tlsServer('20210101000000Z');
  trust(certificate);
  const seen = await visitOn(url);
  expect(seen.of('server')).toMatchObject([{ level: 'failure', exitCode: 78 }]);
  expect(seen.of('server')[0]?.cause).toContain('CERT_HAS_EXPIRED');
});

/** As NODE_EXTRA_CA_CERTS does for a new process. */
function trust(certificate: string): void {
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, certificate]);
  onTestFinished(() => setDefaultCACertificates(before));
}

test('TLS is asked for where there is none', async () => {
  const { url } = await serve((_request, response) => response.end());
  const seen = await visitOn(url.replace('http:', 'https:'));
  expect(seen.of('server')[0]?.cause).toContain('does not speak TLS');
});

test('a peer that takes the connection and says nothing is given up', async () => {
  const port = await listening(createServer(() => undefined));
  const signal = AbortSignal.timeout(60_000);
  const { ok, ...rest } = await reach(`http://127.0.0.1:${port}`, { env: {}, signal });
  expect({ ok, ...rest }).toMatchObject({ ok: false, why: 'timeout' });
});
