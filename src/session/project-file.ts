import { dirname, join, resolve } from 'node:path';
import { readTextIfExists } from '../platform/atomic-file.ts';
import { isInside } from '../platform/paths.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { closest } from '../output/closest.ts';
import type { Configuration } from './configuration.ts';
import { SETTINGS } from './setting-table.ts';
import { normalizeServer } from './settings.ts';

export const PROJECT_FILE = '.cloud.json';

export interface ProjectFile {
  path: string;
  values: Readonly<Record<string, string | boolean>>;
}

/**
 * The settings of the nearest `.cloud.json` above `folder`. It comes with what was cloned or
 * unpacked, so it may say little: no secret, no program to run, no folder outside its own.
 *
 * @throws AbortError `project-file-damaged`, `secret-in-project-file` (78)
 */
export async function readProjectFile(folder: string): Promise<ProjectFile | undefined> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const path = join(at, PROJECT_FILE);
    const text = await readTextIfExists(path);
    if (text !== undefined) return { path, values: parse(path, text) };
    if (dirname(at) === at) return undefined;
  }
}

function parse(path: string, text: string): ProjectFile['values'] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw damaged(path, 'is not JSON');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw damaged(path, 'holds no JSON object');
  }
  refuseSecrets(path, json, text);
  const values: Record<string, string | boolean> = {};
  for (const [key, value] of Object.entries(json)) values[key] = valueOf(path, key, value);
  return values;
}

function refuseSecrets(path: string, json: object, text: string): void {
  const named = Object.keys(json).some((key) => /token|secret|password|key$/i.test(key));
  if (!named && !/cloud_(?:key|adm|rt)_|tsec_|\beyJ[\w-]+\./.test(text)) return;
  throw new AbortError(
    'secret-in-project-file',
    `${path} holds a secret, which everybody who has the project can read.`,
    {
      exitCode: ExitCode.needsPerson,
      suggestions: ['Take it out, end it (cloud api-keys revoke), and sign in: cloud login'],
      details: { path },
    },
  );
}

function valueOf(path: string, key: string, value: unknown): string | boolean {
  const setting = SETTINGS.find((each) => each.key === key);
  if (setting?.inProject !== true) {
    const allowed = SETTINGS.filter(({ inProject }) => inProject).map((each) => each.key);
    const guess = closest(key, allowed);
    const why = setting === undefined ? 'is no setting' : 'may not be set in a project file';
    const hint = guess === undefined ? '' : ` Did you mean ${guess}?`;
    throw damaged(path, `says ${key}, which ${why}.${hint} Possible: ${allowed.join(', ')}`);
  }
  const parsed = setting.schema.safeParse(value);
  if (!parsed.success) throw damaged(path, `has a wrong ${key}: it takes ${setting.takes}`);
  if (key === 'server') return normalizeServer(String(parsed.data));
  return key === 'path' ? inside(path, String(parsed.data)) : parsed.data;
}

/** A folder of the project: what was cloned must not choose another folder to be uploaded. */
function inside(file: string, folder: string): string {
  const root = dirname(file);
  const target = resolve(root, folder);
  if (!isInside(root, target)) {
    throw damaged(file, 'names a path outside its own folder');
  }
  return target;
}

function damaged(path: string, what: string): AbortError {
  return new AbortError('project-file-damaged', `${path} ${what}.`, {
    exitCode: ExitCode.needsPerson,
    suggestions: ['Mend it, or take it away.'],
    details: { path },
  });
}

/**
 * Somebody else's file must not choose to whom one signs in: its server counts once there is a
 * context on it, which takes a `--server` that a person typed.
 *
 * @throws AbortError `untrusted-server` (78)
 */
export function trustedServer(
  { path, values }: ProjectFile,
  { contexts }: Configuration,
): string | undefined {
  const server = values['server'];
  if (typeof server !== 'string') return undefined;
  if (Object.values(contexts).some((context) => context.server === server)) return server;
  throw new AbortError(
    'untrusted-server',
    `${path} names the server ${server}, where you have never signed in.`,
    {
      exitCode: ExitCode.needsPerson,
      suggestions: [`If you trust it: cloud login --server ${server}`],
      details: { path, server },
    },
  );
}
