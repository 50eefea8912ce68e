import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { isErrno, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { isFromNpx, isTemporary, serviceEnvironment, stableEntry } from './entry-point.ts';
import { commandOf, serviceFiles, serviceId, type ServiceKind } from './kinds.ts';
import type { ServiceManager, ServiceSpec } from './manager.ts';
import { readServiceRecord, sha256, writeServiceRecord, type ServiceRecord } from './record.ts';
import type { ServiceDeps } from './service-context.ts';

export interface InstallRequest {
  kind: ServiceKind;
  context: string;
  /** Folder to sync or to mount at, absolute; undefined: the one that setup arranged. */
  path?: string | undefined;
  profile?: string | undefined;
  /** False: from the next login on. */
  start: boolean;
  /** Asked before a definition that somebody edited is replaced; throws when not agreed. */
  agree: (question: string) => Promise<void>;
}

export interface Installed {
  id: string;
  kind: ServiceKind;
  context: string;
  manager: ServiceManager['name'];
  definition: string;
  started: boolean;
  /** What a person should know, in sentences. */
  notes: string[];
}

/**
 * Writes the definition, has the manager take it in, and starts the service. Installing again is how
 * an older or damaged definition is made good.
 *
 * @throws AbortError `no-service-manager` (78), `passing-program` (78), `service-manager` (1)
 */
export async function installService(
  request: InstallRequest,
  host: Host,
  deps: ServiceDeps,
): Promise<Installed> {
  const { kind, context, path, profile, start } = request;
  const { manager, cliVersion } = deps;
  if (isFromNpx(deps.program.script)) throw passing(deps.program.script);
  await manager.check();
  const id = serviceId(kind, context);
  const definition = manager.definitionPath(id);
  await agreeToReplace(id, definition, request, host);
  const { spec, withheld } = specOf({ id, kind, context }, host, deps);
  const text = manager.render(spec);
  const record: ServiceRecord = {
    ...{ version: 1, id, kind, context, cliVersion },
    ...{ path: path ?? null, profile: profile ?? null },
    ...{ command: [...spec.command], environment: { ...spec.environment } },
    ...{ definitionSha256: sha256(text), installedAt: new Date(host.clock.now()).toISOString() },
  };
  // The record first: a process that is started finds it, and a crash here leaves what `status` tells.
  await writeServiceRecord(host, record);
  await mkdir(dirname(definition), { recursive: true });
  // launchd refuses a definition that others could write; that others can read it does no harm.
  await writeFileAtomic(definition, manager.encode(text), { mode: 0o644 });
  await manager.register(id);
  if (start) await restartFresh(id, host, manager);
  const { notes } = await manager.look(id);
  return {
    ...{ id, kind, context, manager: manager.name, definition, started: start },
    notes: [
      ...notes,
      ...spec.command
        .slice(0, 2)
        .filter((file) => isTemporary(file, host.platform))
        .map((file) => `${file} lies in a temporary folder, which the next boot may empty.`),
      ...withheld.map(
        (name) => `${name} holds a password and was not written into the service; it runs without.`,
      ),
    ],
  };
}

/** What the definition is made of now; `doctor` compares it with the one that lies there. */
export function specOf(
  { id, kind, context }: Pick<ServiceSpec, 'id' | 'kind'> & { context: string },
  host: Host,
  { program, realPath, cliVersion, manager }: ServiceDeps,
): { spec: ServiceSpec; withheld: string[] } {
  const { env, platform } = host;
  const { node, script } = stableEntry(program, { env, platform, realPath });
  const { variables, withheld } = serviceEnvironment({ env, platform }, node);
  const { folder, output } = serviceFiles(host.places, id);
  const how = manager.name === 'task-scheduler' ? ['--keep', folder] : ['--manager', manager.name];
  const description =
    kind === 'bisync'
      ? `cloud: keeps the folder of ${context} and its bucket in sync`
      : `cloud: mounts the bucket of ${context}`;
  return {
    spec: {
      ...{ id, kind, description, cliVersion, output },
      command: [node, script, 'service-run', id, ...how],
      environment: variables,
    },
    withheld,
  };
}

/** Started, also where an older one runs already. */
async function restartFresh(id: string, host: Host, manager: ServiceManager): Promise<void> {
  await rm(serviceFiles(host.places, id).run, { force: true });
  await manager.stop(id);
  await manager.start(id);
}

/** A definition that is not as we wrote it may be somebody's work. */
async function agreeToReplace(
  id: string,
  definition: string,
  { agree, kind }: InstallRequest,
  host: Host,
): Promise<void> {
  const record = await readServiceRecord(host, id);
  const found = await readFile(definition).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  });
  if (found === undefined || sameDefinition(found, record)) return;
  await agree(
    `${definition} was edited since \`${commandOf(kind)} install\` wrote it; it would be replaced.`,
  );
}

/** Whether what lies there is what was written. @param found its bytes */
export function sameDefinition(found: Buffer, record: ServiceRecord | undefined): boolean {
  const isUtf16 = found[0] === 0xff && found[1] === 0xfe;
  const text = isUtf16 ? found.subarray(2).toString('utf16le') : found.toString('utf8');
  return record !== undefined && sha256(text) === record.definitionSha256;
}

function passing(script: string): AbortError {
  return new AbortError(
    'passing-program',
    `npx keeps this cloud for a while only (${script}); a later login would not find it.`,
    {
      exitCode: ExitCode.needsPerson,
      suggestions: ['Install it for good and run this again: npm install --global cloud-cli'],
    },
  );
}
