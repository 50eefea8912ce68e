import { formatDuration } from '../output/format.ts';
import type { Output, Style } from '../output/output.ts';
import { formatFields } from '../output/table.ts';
import type { Changed } from './change-service.ts';
import type { Installed } from './install.ts';
import { commandOf } from './kinds.ts';
import type { ServiceStatus } from './service-status.ts';

export function presentInstalled(installed: Installed): string {
  const { kind, context, manager, definition, started, notes } = installed;
  const when = started ? 'It runs now, and starts at every login.' : 'It starts at the next login.';
  return [
    `The ${kind} service for ${context} is installed. ${when}`,
    '',
    formatFields([
      ['Manager', manager],
      ['Definition', definition],
      ['State', `${commandOf(kind)} status`],
      ['Log', `${commandOf(kind)} logs`],
    ]),
    ...(notes.length === 0 ? [] : ['', ...notes]),
  ].join('\n');
}

export function presentChanged(verb: 'started' | 'stopped' | 'restarted' | 'uninstalled') {
  return ({ kind, context, changed }: Changed): string => {
    const what = `The ${kind} service for ${context}`;
    if (changed)
      return `${what} was ${verb}.${verb === 'stopped' ? ' It starts again at the next login.' : ''}`;
    return verb === 'uninstalled' ? `${what} was not installed.` : `${what} ${NOTHING[verb]}.`;
  };
}

const NOTHING = { started: 'runs already', stopped: 'does not run', restarted: 'was restarted' };

export function presentServiceStatus(status: ServiceStatus, out: Output, now: number): string {
  const { state, message, pid, since, manager, definition, context, path, faults, notes } = status;
  const style: Style = state === 'running' ? 'green' : state === 'stopped' ? 'dim' : 'yellow';
  const ran = since === null ? '' : `, for ${formatDuration(Math.max(0, now - Date.parse(since)))}`;
  return formatFields([
    ['Service', `${status.kind} for ${context}`],
    ['State', `${out.style(style, state)}: ${message}`],
    ['Process', pid === null ? undefined : `${pid}${ran}`],
    ['Folder', path],
    ['Manager', manager],
    ['Definition', definition],
    ...faults.map(({ message: text }, at) => [at === 0 ? 'Not well' : '', text] as const),
    ...notes.map((text, at) => [at === 0 ? 'Note' : '', text] as const),
    ...status.nextSteps.map((step, at) => [at === 0 ? 'Next step' : '', step] as const),
  ]);
}

/** A line of the log as people read it. */
export function presentLogLine({ time, level, message }: LogEntry, out: Output): string {
  const word =
    level === 'info' ? '' : `${out.style(level === 'error' ? 'red' : 'yellow', level)}: `;
  return `${time} ${word}${message}`;
}

export interface LogEntry {
  time: string;
  level: string;
  message: string;
}
