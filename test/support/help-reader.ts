import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApiClient, type ApiClient } from '../../src/api/client.ts';
import type { AbortError } from '../../src/output/errors.ts';
import { objectsOf } from './devices.ts';
import { EXAMPLES_OF, type Subject } from './example-subjects.ts';
import { helpedCommands, play, type Step, type StepEnd } from './examples.ts';
import { fakeProgram } from './fake-program.ts';
import { PASSWORD } from './identity.ts';
import { realRclone } from './rclone.ts';
import { startTestServer, type TestServer } from './server.ts';
import { storageAdminOf } from './storage-inside.ts';

const binary = resolve(import.meta.dirname, '../../bin/run.js');

interface More extends Omit<Step, 'example' | 'says'> {
  /** What has to be so before, that the example has something to do. */
  first?: () => Promise<unknown>;
  /** What is so afterwards, beside what was said. */
  then?: (end: StepEnd) => Promise<unknown>;
}
export type Line = readonly [example: string, says: Step['says'], more?: More];

/** In a list of JSON: an entry with these fields. */
export const row = (fields: object): object =>
  expect.arrayContaining([expect.objectContaining(fields)]) as object;
export const NUMBER = expect.stringMatching(/^\d+$/) as unknown;
export const TIME = expect.stringMatching(/^20\d\d-\d\d-\d\dT/) as unknown;

/**
 * Plays the examples of a subject, in the order of its tests: they share a reader, and what one of
 * them leaves is there for the next. At last asks whether each example was played, and once.
 */
export function examplesOf(subject: Subject, tests: (reader: () => HelpReader) => void): void {
  describe(`the examples of the help: ${subject}`, { timeout: 300_000 }, () => {
    let reader: HelpReader;
    beforeAll(async () => {
      reader = await openHelpReader();
    }, 60_000);
    afterAll(() => reader.close());

    tests(() => reader);

    test('each of them was played, and once', async ({ task, skip }) => {
      const left = task.suite?.tasks.filter(({ mode }) => mode === 'skip') ?? [];
      skip(left.length > 0, `not asked: ${left.map(({ name }) => name).join(', ')} was left out`);
      const claimed: readonly string[] = EXAMPLES_OF[subject];
      const shown = (await helpedCommands()).filter(({ name }) => claimed.includes(name));
      expect(reader.played.toSorted()).toEqual(
        shown.flatMap(({ examples }) => examples).toSorted(),
      );
    });
  });
}

/** Somebody who types what the help shows: a home, and a server with the tenants acme and globex. */
export type HelpReader = Awaited<ReturnType<typeof openHelpReader>>;

async function openHelpReader() {
  const server = await startTestServer({
    tenants: ['acme', 'globex'],
    env: { CLOUD_SERVER_ISSUER_PRIVATE: '1' },
  });
  const home = await mkdtemp(join(tmpdir(), 'cloud-help-'));
  const env = await furnish(home, server);
  const played: string[] = [];

  /** Plays examples in this order. Names of the reader's own stand for what is there here. */
  async function playAll(lines: readonly Line[], swap: Record<string, string> = {}): Promise<void> {
    const given = { 'https://cloud.example': server.url, ...swap };
    // One that turns out otherwise does not hide how the others do.
    const wrong: string[] = [];
    for (const [example, says, { first, then, ...more } = {}] of lines) {
      await first?.();
      const step: Step = { example, says, ...more, swap: { ...given, ...more.swap } };
      const end = await play(step, { cwd: home, env });
      played.push(example);
      try {
        expect(end.exitCode).toBe(more.exitCode ?? 0);
        if (says instanceof RegExp) expect(end.printed).toMatch(says);
        else expect({ json: JSON.parse(end.stdout) as unknown }).toMatchObject({ json: says });
        await then?.(end);
      } catch (error) {
        wrong.push(`$ ${example}\n${end.printed}→ ${end.exitCode}\n${String(error)}`);
      }
    }
    expect(wrong.join('\n\n')).toBe('');
  }

  /** What no example of the help is, and has to be done between. */
  async function beforehand(script: string): Promise<string> {
    const { exitCode, printed, stdout } = await play(
      { example: script, says: /(?:)/ },
      { cwd: home, env },
    );
    expect(exitCode, `${script}\n${printed}`).toBe(0);
    return stdout;
  }

  /** The id of the first row that a list prints. */
  async function idIn(list: string, matches = /./): Promise<string> {
    const rows = (await beforehand(`${list} --output tsv`))
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    const column = rows[0]!.indexOf('id');
    return rows.slice(1).find((cells) => matches.test(cells.join(' ')))![column]!;
  }

  return {
    ...{ server, home, env, played, playAll, beforehand, idIn },
    ...asks(server),
    contexts: async () =>
      (JSON.parse(await beforehand('cloud context list --json')) as { name: string }[]).map(
        ({ name }) => name,
      ),
    inHome: (path: string) => readFile(join(home, path), 'utf8'),
    write: (path: string, text: string) => writeFile(join(home, path), text),
    close: async () => {
      await server.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Puts there what the examples name, and returns the environment that they are typed in. */
async function furnish(home: string, server: TestServer): Promise<NodeJS.ProcessEnv> {
  const programs = join(home, 'programs');
  await fakeProgram(programs, 'cloud', `exec '${process.execPath}' '${binary}' "$@"`);
  await fakeProgram(programs, 'nano', 'echo "*.tmp" >> "$1"');
  await fakeProgram(programs, 'less', 'cat');
  await fakeProgram(programs, 'jq', 'grep -o "\\"${1#.}\\":\\"[A-Za-z]*\\""');
  for (const folder of [
    '.local/share/bash-completion/completions',
    '.config/fish/completions',
    'restored',
  ]) {
    await mkdir(join(home, folder), { recursive: true });
  }
  await writeFile(join(home, 'admin-token'), server.adminToken, { mode: 0o600 });
  await writeFile(join(home, 'key.txt'), server.apiKeyOf('acme'));
  await writeFile(
    join(home, 'tenants.ndjson'),
    `{"tenant":{"slug":"globex","name":"Globex"}}
{"tenant":{"slug":"initech","name":"Initech"}}
{"token":{"label":"build","tenant":"initech","scopes":["mount:read"]}}
`,
  );
  await writeFile(join(home, 'password.txt'), `${PASSWORD}\n`);
  return {
    PATH: `${programs}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    CLOUD_HOME: join(home, '.cloud'),
    CLOUD_INSECURE_STORAGE: '1',
    CLOUD_RCLONE: (await realRclone()).path,
    CLOUD_SERVER: server.url,
    CLOUD_ADMIN_TOKEN_FILE: join(home, 'admin-token'),
    EDITOR: 'nano',
    // No manager of services can be reached.
    XDG_RUNTIME_DIR: join(home, 'nowhere'),
    LANG: 'C.UTF-8',
  };
}

/** What is so at the server and at its storage, asked past the command line. */
function asks(server: TestServer) {
  const clientOf = (token: string): ApiClient =>
    createApiClient({ server: server.url, token: () => Promise.resolve(token) });
  const admin = clientOf(server.adminToken);
  const anybody = createApiClient({ server: server.url });

  /** The objects of acme's bucket, asked at the storage. */
  async function bucket() {
    const { bucket_name, id } = await admin.showTenant('acme');
    return objectsOf({
      ...{ contextName: '', server: '', tenant: { id, slug: 'acme' }, credentialId: '' },
      ...{ bucket: bucket_name, endpoint: server.server.storageUrl, region: 'auto' },
      ...{ ...(await storageAdminOf(server)), permission: 'rw', expiresAt: null },
    });
  }

  return {
    ...{ admin, clientOf, bucket },
    inBucket: async (key: string) => (await bucket()).get(key),
    signedInAs: async (username: string): Promise<ApiClient> => {
      const request = { username, password: PASSWORD, tenant: 'acme' };
      return clientOf((await anybody.login(request)).access_token);
    },
    /** A member of acme who is an editor there and has the password of the tests. */
    addEditor: async (username: string): Promise<void> => {
      await admin.createUser({ username, password: PASSWORD });
      await admin.addMember('acme', { user: username, role: 'editor' });
    },
    /** That there is no tenant to work in is only said to whoever knows the password. */
    isPassword: (username: string, password = PASSWORD): Promise<boolean> =>
      anybody.login({ username, password, tenant: 'acme' }).then(
        () => true,
        (error: unknown) => (error as AbortError).code !== 'sign-in-failed',
      ),
  };
}
