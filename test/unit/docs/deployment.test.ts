import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { available } from '../../support/available.ts';
import { python } from '../../support/python.ts';

const root = resolve(import.meta.dirname, '../../..');
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');

/** Every variable that the server reads, and whether it is a secret, by the text of its settings. */
async function settings(): Promise<Map<string, { secret: boolean }>> {
  const text = await read('src/server/settings.ts');
  const plain = /new Set\(\[([^\]]*)\]\)/.exec(await read('src/server/variables.ts'))![1]!;
  const calls = text.matchAll(/read\.(text|port|number|flag|url|secret)\(\s*'([A-Z0-9_]+)'/g);
  const found = new Map<string, { secret: boolean }>();
  for (const [, kind, name] of calls) {
    const variable = plain.includes(`'${name!}'`) ? name! : `CLOUD_SERVER_${name!}`;
    found.set(variable, { secret: kind === 'secret' });
  }
  return found;
}

async function documented(): Promise<Map<string, { secret: boolean }>> {
  const [table] = (await read('docs/server.md')).split('## The data folder');
  const names = [...table!.matchAll(/`((?:CLOUD_SERVER_)?[A-Z0-9_]+)(\[_FILE\])?`/g)];
  return new Map(names.map(([, name, file]) => [name!, { secret: file !== undefined }]));
}

test('the reference of settings names each that the server reads, and each secret its file', async () => {
  const known = await settings();
  expect(known.size).toBeGreaterThan(20);
  const table = await documented();
  const missing = [...known].filter(
    ([name, { secret }]) => !table.has(name) || table.get(name)?.secret !== secret,
  );
  expect(missing).toEqual([]);
});

/** What a deployment sets must be something that is read. */
async function expectKnown(names: readonly string[]): Promise<void> {
  const known = await settings();
  for (const name of names) {
    if (!/^(CLOUD_SERVER_|DATABASE_URL)/.test(name)) continue;
    const secret = known.get(name.replace(/_FILE$/, ''))?.secret;
    expect(known.has(name) || (name.endsWith('_FILE') && secret === true), name).toBe(true);
  }
}

describe('the files of a deployment', () => {
  test('the Dockerfile copies what is there, keeps no rights, and gets signals', async () => {
    const text = (await read('docs/deploy/Dockerfile')).replace(/\\\n/g, ' ');
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const words = lines.map((line) => line.trim().split(/\s+/));
    const known =
      /^(FROM|WORKDIR|COPY|RUN|ENV|USER|VOLUME|EXPOSE|STOPSIGNAL|HEALTHCHECK|ENTRYPOINT|CMD)$/;
    for (const [instruction] of words) expect(instruction).toMatch(known);
    const bases = words.filter(([name]) => name === 'FROM').map(([, image]) => image!);
    for (const image of bases) expect(image).toMatch(/:\d/);
    const { engines } = JSON.parse(await read('package.json')) as { engines: { node: string } };
    expect(bases.at(-1)).toContain(`node:${/\d+/.exec(engines.node)![0]}`);
    for (const [, ...sources] of words.filter(([name]) => name === 'COPY')) {
      if (sources[0]!.startsWith('--from=')) continue;
      for (const source of sources.slice(0, -1))
        expect(existsSync(join(root, source)), source).toBe(true);
    }
    const last = words.slice(words.findLastIndex(([name]) => name === 'FROM'));
    const user = last.findLastIndex(([name]) => name === 'USER');
    expect(last[user]).toEqual(['USER', 'node']);
    // What is installed or copied after that would not be root's.
    expect(last.slice(user).some(([name]) => name === 'RUN' || name === 'COPY')).toBe(false);
    const entry = lines.find((line) => line.startsWith('ENTRYPOINT'))!;
    expect(JSON.parse(entry.slice('ENTRYPOINT'.length))).toEqual(['node', 'bin/run.js']);
    const set = lines.filter((line) => line.startsWith('ENV')).join(' ');
    await expectKnown([...set.matchAll(/(\w+)=/g)].map(([, name]) => name!));
  });

  test('compose starts a server and PostgreSQL, with every secret from a file', async () => {
    const text = await read('docs/deploy/compose.yaml');
    const file = python('import yaml; print(json.dumps(yaml.safe_load(data)))', text) as {
      services: Record<
        string,
        {
          build?: { context: string; dockerfile: string };
          environment: Record<string, string>;
          secrets: string[];
          volumes: string[];
          read_only?: boolean;
        }
      >;
      volumes: Record<string, unknown>;
      secrets: Record<string, { file: string }>;
    };
    const { server, database } = file.services;
    const { context, dockerfile } = server!.build!;
    expect(existsSync(join(root, 'docs/deploy', context, dockerfile))).toBe(true);
    await expectKnown(Object.keys(server!.environment));
    for (const service of [server!, database!]) {
      for (const secret of service.secrets) expect(Object.keys(file.secrets)).toContain(secret);
      for (const [name, value] of Object.entries(service.environment)) {
        if (name.endsWith('_FILE')) expect(service.secrets).toContain(value.split('/').at(-1));
        else expect(name).not.toMatch(/PASSWORD|SECRET|_KEY$|TOKEN/);
      }
      for (const volume of service.volumes)
        expect(Object.keys(file.volumes)).toContain(volume.split(':')[0]);
    }
    for (const { file: path } of Object.values(file.secrets))
      expect(text).toContain(`> ${path.slice(2)}`);
  });

  test.skipIf(!available('docker-compose'))(
    'compose.yaml is what the schema of Compose accepts',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'compose-'));
      onTestFinished(() => rm(folder, { recursive: true, force: true }));
      const file = join(folder, 'compose.yaml');
      // Compose 1, the one that needs no engine to check, came before files had names.
      const config = async (text: string): Promise<string> => {
        await writeFile(file, text.replace(/^name: .*$/m, ''));
        return execFileSync('docker-compose', ['-f', file, 'config'], {
          encoding: 'utf8',
          env: {
            ...process.env,
            CLOUD_SERVER_PUBLIC_URL: 'https://cloud.example',
            TIGRIS_ACCESS_KEY_ID: 'tid_example',
          },
          stdio: 'pipe',
        });
      };
      const text = await read('docs/deploy/compose.yaml');
      expect(await config(text)).toContain('CLOUD_SERVER_PUBLIC_URL: https://cloud.example');
      await expect(config(text.replace('read_only:', 'readonly:'))).rejects.toThrow('readonly');
      await expect(config(text.replace('condition: service_healthy', 'when: up'))).rejects.toThrow(
        'invalid',
      );
    },
  );

  test('fly.toml asks for what the server has', async () => {
    const text = await read('docs/deploy/fly.toml');
    const file = python(
      'import tomllib; print(json.dumps(tomllib.loads(data.decode())))',
      text,
    ) as {
      build: { dockerfile: string };
      env: Record<string, string>;
      http_service: { internal_port: number; checks: { path: string }[] };
    };
    expect(existsSync(join(root, 'docs/deploy', file.build.dockerfile))).toBe(true);
    await expectKnown(Object.keys(file.env));
    expect(file.http_service.internal_port).toBe(8787);
    const routes = await read('src/server/routes/service.ts');
    for (const { path } of file.http_service.checks) expect(routes).toContain(`'${path}'`);
  });

  test.skipIf(!available('systemd-analyze'))(
    'the unit of the server is what systemd accepts',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'unit-'));
      onTestFinished(() => rm(folder, { recursive: true, force: true }));
      const unit = join(folder, 'cloud-server.service');
      await copyFile(join(root, 'docs/deploy/cloud-server.service'), unit);
      const said = execFileSync('systemd-analyze', ['verify', '--man=no', unit], {
        encoding: 'utf8',
        env: { ...process.env, SYSTEMD_LOG_LEVEL: 'warning' },
        cwd: dirname(unit),
      });
      expect(said).toBe('');
    },
  );
});
