import { AbortError } from '../output/errors.ts';
import type { ServiceKind } from './kinds.ts';
import type { ProgramEnd } from './run-program.ts';

/** All that a definition is made from. */
export interface ServiceSpec {
  id: string;
  kind: ServiceKind;
  description: string;
  cliVersion: string;
  /** The program and its arguments; paths are absolute. */
  command: readonly string[];
  environment: Readonly<Record<string, string>>;
  /** Where what Node itself says goes. */
  output: string;
}

/** What the system's manager knows of a service. */
export interface Look {
  /** Whether it has taken in the definition. */
  known: boolean;
  /** Whether it will start it at the next login. */
  atLogin: boolean;
  active: boolean;
  /** Its process; null when there is none or the manager does not say. */
  pid: number | null;
  /** What a person should know about how it was set up, in sentences. */
  notes: string[];
  /** Whether what it will run differs from the definition as it lies there. */
  differs: boolean;
}

/** The system's own manager of background programs of a user. Nothing of it asks for root. */
export interface ServiceManager {
  readonly name: 'systemd' | 'launchd' | 'task-scheduler';
  /** The file that defines the service. */
  definitionPath(id: string): string;
  render(spec: ServiceSpec): string;
  /** As bytes: Windows wants another encoding. */
  encode(definition: string): Uint8Array;
  /** @throws AbortError `no-service-manager` (78) when it cannot be spoken to */
  check(): Promise<void>;
  /** Takes in the definition that lies at its path, and starts it at every login. */
  register(id: string): Promise<void>;
  /** Ends it and forgets it. */
  unregister(id: string): Promise<void>;
  start(id: string): Promise<void>;
  stop(id: string): Promise<void>;
  look(id: string): Promise<Look>;
}

/** @throws AbortError `service-manager` (1) with its last words unless it has ended well */
export function mustSucceed(what: string, { exitCode, stdout, stderr }: ProgramEnd): void {
  if (exitCode === 0) return;
  const words = `${stderr}\n${stdout}`.split('\n').map((line) => line.trim());
  const said = words.find((line) => line !== '');
  throw new AbortError(
    'service-manager',
    `${what} ended with ${exitCode}${said === undefined ? '' : `: ${said}`}`,
    { suggestions: ['Look at it: cloud doctor'], details: { exitCode } },
  );
}
