import * as Flags from '@oclif/core/flags';
import type { AuditFilter } from '../admin/audit.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Clock } from '../platform/clock.ts';
import { parseDuration } from './duration-flag.ts';

export const auditFilterFlags = {
  since: Flags.string({
    description: 'From then on: 90m, 1d ago, or a time such as 2026-01-31T12:00Z.',
    helpValue: 'TIME',
  }),
  until: Flags.string({ description: 'Before then.', helpValue: 'TIME' }),
  tenant: Flags.string({ description: 'About this tenant.', helpValue: 'SLUG' }),
  actor: Flags.string({
    description: 'By this user (with all keys), user:ID, credential:ID or server.',
    helpValue: 'NAME',
  }),
  type: Flags.string({ description: 'Of this kind: TokenCreated.', helpValue: 'EVENT' }),
};

/** @throws AbortError `invalid-time` (2) */
export function auditFilterOf(
  flags: Readonly<Record<'since' | 'until' | 'tenant' | 'actor' | 'type', string | undefined>>,
  clock: Clock,
): AuditFilter {
  const { tenant, actor, type } = flags;
  return {
    since: timeOf('since', flags.since, clock),
    until: timeOf('until', flags.until, clock),
    ...{ tenant, actor, type },
  };
}

function timeOf(name: string, typed: string | undefined, clock: Clock): string | undefined {
  if (typed === undefined) return undefined;
  const ago = parseDuration(typed);
  // A date alone is its first moment in UTC, as ECMAScript has it.
  const time = ago === undefined ? Date.parse(typed) : clock.now() - ago;
  if (!Number.isNaN(time)) return new Date(time).toISOString();
  throw new AbortError('invalid-time', `--${name} takes a time or how long ago, not ${typed}.`, {
    exitCode: ExitCode.usage,
    suggestions: [`--${name} 1d`, `--${name} 2026-01-31T12:00Z`],
  });
}
