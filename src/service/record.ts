import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import {
  ensurePrivateFolder,
  isErrno,
  readTextIfExists,
  writeFileAtomic,
} from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { SERVICE_KINDS, serviceFiles, servicesFolder } from './kinds.ts';

const ServiceRecord = z.object({
  version: z.literal(1),
  id: z.string(),
  kind: z.enum(SERVICE_KINDS),
  context: z.string(),
  /** Folder to sync or to mount at, absolute; null: the one that setup arranged. */
  path: z.nullable(z.string()),
  profile: z.nullable(z.string()),
  /** The command line of the process, absolute paths first. */
  command: z.array(z.string()),
  /** What its environment has beside what the system gives it. No secrets. */
  environment: z.record(z.string(), z.string()),
  /** Of the CLI that wrote the definition. */
  cliVersion: z.string(),
  /** SHA-256 of the definition as it was written: another one was edited. */
  definitionSha256: z.string(),
  /** RFC 3339. */
  installedAt: z.string(),
});
/** What was installed. */
export type ServiceRecord = z.infer<typeof ServiceRecord>;

/** Undefined when there is none, or none that can be understood. */
export async function readServiceRecord(
  host: Host,
  id: string,
): Promise<ServiceRecord | undefined> {
  return readRecordIn(serviceFiles(host.places, id).folder);
}

/** The same by the folder of the service. */
export async function readRecordIn(folder: string): Promise<ServiceRecord | undefined> {
  return parsed(ServiceRecord, await readTextIfExists(join(folder, 'service.json')));
}

export async function writeServiceRecord(host: Host, record: ServiceRecord): Promise<void> {
  const { folder, record: path } = serviceFiles(host.places, record.id);
  await ensurePrivateFolder(folder);
  await writeFileAtomic(path, `${JSON.stringify(record, null, 2)}\n`);
}

/** All that were installed, by id. */
export async function listServiceRecords(host: Host): Promise<ServiceRecord[]> {
  const ids = await readdir(servicesFolder(host.places)).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const records = await Promise.all(ids.sort().map((id) => readServiceRecord(host, id)));
  return records.filter((record) => record !== undefined);
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A file that cannot be understood counts as none: a service is written anew by `install`. */
export function parsed<T extends z.core.$ZodType>(
  schema: T,
  text: string | undefined,
): z.infer<T> | undefined {
  if (text === undefined) return undefined;
  try {
    return z.safeParse(schema, JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
