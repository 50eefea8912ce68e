import { expect, test } from 'vitest';
import { reportOf } from '../../../src/cli/report.ts';
import { runChecks, type Check } from '../../../src/doctor/check.ts';
import { CHECKS } from '../../../src/doctor/examine.ts';
import { Facts, systemDeps } from '../../../src/doctor/facts.ts';
import { failure, ok } from '../../../src/doctor/finding.ts';
import { AbortError } from '../../../src/output/errors.ts';
import { openWorkspace } from '../../support/workspace.ts';

const facts = async (signal = new AbortController().signal): Promise<Facts> =>
  new Facts((await openWorkspace()).host, {}, signal, { ...systemDeps, reportOf });

const check = (id: string, run: Check['run'], more: Partial<Check> = {}): Check => ({
  ...{ id, group: 'Set-up', title: id, withinMs: 10_000, exitCode: 13, run },
  ...more,
});

test('a check that throws is a finding, with the code of what it threw or its own', async () => {
  const { findings, abandoned } = await runChecks(
    [
      check('foreseen', () =>
        Promise.reject(new AbortError('x', 'It is locked.', { exitCode: 78 })),
      ),
      check('unforeseen', () => Promise.reject(new TypeError('nothing is not a function'))),
      check('fine', () => Promise.resolve([ok('well')])),
    ],
    await facts(),
  );
  expect(findings).toMatchObject([
    { check: 'foreseen', level: 'failure', summary: 'foreseen: It is locked', exitCode: 78 },
    { check: 'unforeseen', level: 'failure', exitCode: 13 },
    { check: 'fine', level: 'ok' },
  ]);
  expect(abandoned).toBe(false);
});

test('one that hangs is left behind, and the others are told', async () => {
  const hangs = check('hangs', () => new Promise(() => undefined), { withinMs: 20 });
  const { findings, abandoned } = await runChecks(
    [hangs, check('fine', () => Promise.resolve([ok('well')]))],
    await facts(),
  );
  expect(findings).toMatchObject([
    { check: 'hangs', level: 'failure', exitCode: 13 },
    { check: 'fine', level: 'ok' },
  ]);
  expect(abandoned).toBe(true);
});

test('what stands on a failure is skipped because of it, however far above', async () => {
  const never = (): never => {
    throw new Error('must not run');
  };
  const { findings } = await runChecks(
    [
      check('ground', () => Promise.resolve([failure(5, 'No network')])),
      check('first', never, { needs: ['ground'] }),
      check('second', never, { needs: ['first'] }),
    ],
    await facts(),
  );
  expect(findings.slice(1)).toMatchObject([
    { check: 'first', level: 'skipped', cause: 'No network', exitCode: 0 },
    { check: 'second', level: 'skipped', cause: 'No network', exitCode: 0 },
  ]);
});

test('an interruption ends it', async () => {
  const stop = new AbortController();
  const interrupted = check('x', () => {
    stop.abort(new Error('stopped by a person'));
    return Promise.reject(new Error('whatever the aborted call throws'));
  });
  await expect(runChecks([interrupted], await facts(stop.signal))).rejects.toThrow(
    'stopped by a person',
  );
});

test('ids are unique, and each check needs only earlier ones', () => {
  const ids = CHECKS.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [index, { needs = [] }] of CHECKS.entries()) {
    for (const need of needs) expect(ids.slice(0, index)).toContain(need);
  }
});
