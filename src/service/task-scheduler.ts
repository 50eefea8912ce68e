import { readFile } from 'node:fs/promises';
import { win32 } from 'node:path';
import type { Host } from '../platform/host.ts';
import { serviceFiles } from './kinds.ts';
import { mustSucceed, type Look, type ServiceManager, type ServiceSpec } from './manager.ts';
import type { ProgramEnd, RunProgram } from './run-program.ts';
import { escapeXml } from './xml-text.ts';

/**
 * The Task Scheduler of Windows, for tasks of one user without administrator rights.
 * https://learn.microsoft.com/en-us/windows/win32/taskschd/task-scheduler-schema
 *
 * A task has no environment and no signal to end it, so what it runs takes the first from the
 * service's record and looks for a file that asks it to stop (keep.ts).
 */
export function taskScheduler(host: Host, run: RunProgram): ServiceManager {
  const name = (id: string): string => `\\cloud-cli\\${id}`;
  const definitionPath = (id: string): string =>
    win32.join(serviceFiles(host.places, id).folder, 'task.xml');
  const schtasks = async (...args: string[]): Promise<void> =>
    mustSucceed(`schtasks ${args.join(' ')}`, await run('schtasks.exe', args));
  return {
    name: 'task-scheduler',
    definitionPath,
    render: (spec) => renderTask(name(spec.id), userOf(host.env), spec),
    // schtasks takes UTF-16 only where there is anything but ASCII.
    encode: (text) => Buffer.from(`\ufeff${text}`, 'utf16le'),
    check: () => Promise.resolve(),
    register: (id) => schtasks('/Create', '/TN', name(id), '/XML', definitionPath(id), '/F'),
    unregister: async (id) => {
      await run('schtasks.exe', ['/End', '/TN', name(id)]);
      await run('schtasks.exe', ['/Delete', '/TN', name(id), '/F']);
    },
    start: (id) => schtasks('/Run', '/TN', name(id)),
    // Its process has ended by then, by the file; this tells the scheduler.
    stop: async (id) => {
      await run('schtasks.exe', ['/End', '/TN', name(id)]);
    },
    look: async (id) => {
      const written = await readFile(definitionPath(id), 'utf16le').catch(() => undefined);
      return look(await run('schtasks.exe', ['/Query', '/TN', name(id), '/XML']), written);
    },
  };
}

/** `DOMAIN\user`, as a trigger and a principal name whom they are for. */
function userOf(env: NodeJS.ProcessEnv): string {
  const { USERDOMAIN = '.', USERNAME = '' } = env;
  return `${USERDOMAIN}\\${USERNAME}`;
}

function renderTask(uri: string, user: string, spec: ServiceSpec): string {
  const { description, cliVersion, command } = spec;
  const who = escapeXml(user);
  // Without it every login would open a window for Node.
  const program = '%SystemRoot%\\System32\\conhost.exe';
  const args = ['--headless', ...command].map(windowsWord).join(' ');
  return [
    '<?xml version="1.0" encoding="UTF-16"?>',
    '<Task version="1.3" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">',
    '  <RegistrationInfo>',
    `    <Source>cloud ${escapeXml(cliVersion)}</Source>`,
    `    <Description>${escapeXml(description)}</Description>`,
    `    <URI>${escapeXml(uri)}</URI>`,
    '  </RegistrationInfo>',
    '  <Triggers>',
    '    <LogonTrigger>',
    '      <Enabled>true</Enabled>',
    `      <UserId>${who}</UserId>`,
    '    </LogonTrigger>',
    '  </Triggers>',
    '  <Principals>',
    '    <Principal id="Author">',
    `      <UserId>${who}</UserId>`,
    '      <LogonType>InteractiveToken</LogonType>',
    '      <RunLevel>LeastPrivilege</RunLevel>',
    '    </Principal>',
    '  </Principals>',
    '  <Settings>',
    '    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>',
    '    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>',
    '    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>',
    '    <AllowHardTerminate>true</AllowHardTerminate>',
    '    <StartWhenAvailable>true</StartWhenAvailable>',
    '    <AllowStartOnDemand>true</AllowStartOnDemand>',
    '    <Enabled>true</Enabled>',
    '    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>',
    // The default, 7, is below that of what a person works with.
    '    <Priority>5</Priority>',
    '    <RestartOnFailure>',
    '      <Interval>PT1M</Interval>',
    '      <Count>255</Count>',
    '    </RestartOnFailure>',
    '  </Settings>',
    '  <Actions Context="Author">',
    '    <Exec>',
    `      <Command>${escapeXml(program)}</Command>`,
    `      <Arguments>${escapeXml(args)}</Arguments>`,
    '    </Exec>',
    '  </Actions>',
    '</Task>',
    '',
  ].join('\r\n');
}

/**
 * A word as `CommandLineToArgvW` reads it back: backslashes count only before a quote.
 * https://learn.microsoft.com/en-us/windows/win32/api/shellapi/nf-shellapi-commandlinetoargvw
 */
export function windowsWord(text: string): string {
  if (text !== '' && !/[\s"]/.test(text)) return text;
  return `"${text.replace(/(\\*)("|$)/g, (_, slashes: string, end: string) => `${slashes}${slashes}${end === '"' ? '\\"' : ''}`)}"`;
}

function look({ exitCode, stdout }: ProgramEnd, written: string | undefined): Look {
  const known = exitCode === 0;
  const settings = /<Settings>[\s\S]*<\/Settings>/.exec(stdout)?.[0] ?? '';
  return {
    known,
    // Absent means true.
    atLogin: known && !/<Enabled>\s*false\s*<\/Enabled>/.test(settings),
    // Whether it runs is said in the language of the system only; our own record says it.
    active: false,
    pid: null,
    notes: [],
    differs: known && written !== undefined && actionOf(stdout) !== actionOf(written),
  };
}

/** What a task runs. The scheduler gives back another text than it was given, of the same meaning. */
function actionOf(xml: string): string {
  const [command, args] = ['Command', 'Arguments'].map((tag) =>
    (new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml)?.[1] ?? '').replaceAll('&quot;', '"').trim(),
  );
  return `${command} ${args}`;
}
