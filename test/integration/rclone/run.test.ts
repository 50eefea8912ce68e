import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { bisyncPlanArgv, type RcloneArgv } from '../../../src/rclone/argv.ts';
import { rcloneEnvironment } from '../../../src/rclone/environment.ts';
import type { RcloneLogEvent } from '../../../src/rclone/log.ts';
import type { Rclone } from '../../../src/rclone/rclone.ts';
import { runRclone } from '../../../src/rclone/run.ts';
import { fakeProgram } from '../../support/fake-program.ts';
import { realRclone } from '../../support/rclone.ts';
import { openWorkspace } from '../../support/workspace.ts';

/** What the product itself cannot build. */
function otherArgv(...words: string[]): RcloneArgv {
  return words as readonly string[] as RcloneArgv;
}

let rclone: Rclone;
beforeAll(async () => {
  rclone = await realRclone();
});

describe('runRclone', () => {
  test('the real binary takes our plan and its log arrives typed', async () => {
    const { root, host } = await openWorkspace();
    const [local, bucket, workdir] = [join(root, 'local'), join(root, 'bucket'), join(root, 'w')];
    for (const folder of [local, bucket, workdir]) await mkdir(folder);
    const config = join(root, 'rclone.conf');
    await writeFile(config, `[cloud]\ntype = alias\nremote = ${root}\n`);
    await writeFile(join(root, 'filters'), '- *.tmp\n');
    for (const side of [local, bucket]) await writeFile(join(side, '.marker'), 'same');
    const remote = { remote: 'cloud', bucket: 'bucket' };
    const plan = { config, local, remote, workdir, filterFrom: join(root, 'filters') };
    const env = rcloneEnvironment(host.env);
    const argv = bisyncPlanArgv(plan);
    // A baseline as a first agreement leaves it, then a change on one side.
    const first = argv.filter((word) => word !== '--dry-run');
    expect(await runRclone(rclone, otherArgv(...first, '--resync'), { env })).toMatchObject({
      exitCode: 0,
    });
    await writeFile(join(local, 'new.txt'), 'hello');
    await writeFile(join(local, 'left.tmp'), 'out');
    const events: RcloneLogEvent[] = [];
    const result = await runRclone(rclone, argv, { env, onLog: (event) => events.push(event) });
    expect(result).toMatchObject({ exitCode: 0, aborted: false, endedBy: undefined });
    expect(result.reached).toBe(false);
    const objects = events.filter((event) => event.type === 'object');
    expect(objects).toMatchObject([{ path: 'new.txt', size: 5, side: 'local', skipped: 'copy' }]);
    expect(events.some((event) => event.type === 'stats')).toBe(true);
    expect(events.filter((event) => event.type === 'text')).toEqual([]);
  });

  test('it is ended at the line that is waited for', async () => {
    const { host } = await openWorkspace();
    const env = { ...rcloneEnvironment(host.env), RCLONE_CONFIG: '' };
    const argv = otherArgv('rcd', '--rc-addr', '127.0.0.1:0', '--use-json-log', '-v');
    const until = ({ message }: RcloneLogEvent): boolean => message.includes('Serving remote');
    const result = await runRclone(rclone, argv, { env, until });
    expect(result).toMatchObject({ reached: true, aborted: false, silent: false });
  });

  test('a usage error is a result with its words', async () => {
    const { host } = await openWorkspace();
    const env = rcloneEnvironment(host.env);
    const result = await runRclone(rclone, otherArgv('bisync', '--no-such-flag'), { env });
    expect(result.exitCode).toBe(2);
    expect(result.tail.join('\n')).toContain('unknown flag: --no-such-flag');
  });

  test('an abort asks first: rclone ends by itself on SIGINT', async () => {
    const { host } = await openWorkspace();
    const abort = new AbortController();
    const env = { ...rcloneEnvironment(host.env), RCLONE_CONFIG: '' };
    const argv = otherArgv('rcd', '--rc-addr', '127.0.0.1:0', '--use-json-log', '-v');
    const running = runRclone(rclone, argv, {
      env,
      signal: abort.signal,
      onLog: (event) => {
        if (event.message.includes('Serving remote control')) abort.abort();
      },
    });
    expect(await running).toMatchObject({ aborted: true, exitCode: 130 });
  });

  test('one that does not listen to SIGINT is ended anyway', async () => {
    const { root, host } = await openWorkspace();
    const abort = new AbortController();
    const path = await fakeProgram(
      root,
      'rclone',
      'trap "" INT; echo ready >&2; while :; do sleep 0.05; done',
    );
    const result = await runRclone({ path }, otherArgv(), {
      env: host.env,
      signal: abort.signal,
      stopWithinMs: 100,
      onLog: () => abort.abort(),
    });
    expect(result).toMatchObject({ aborted: true, endedBy: 'SIGKILL' });
  });

  test('one that cannot be started is an error with its cure', async () => {
    await expect(
      runRclone({ path: '/no/such/rclone' }, otherArgv(), { env: {} }),
    ).rejects.toMatchObject({
      code: 'rclone-unfit',
      exitCode: 12,
      suggestions: ['cloud rclone install'],
    });
  });

  test('secrets in what it prints are redacted, and the tail is bounded', async () => {
    const { root } = await openWorkspace();
    const body = `i=0; while [ $i -lt 100 ]; do echo "line $i" >&2; i=$((i+1)); done
      echo "Authorization: Bearer abc.def" >&2; echo "secret_access_key = tsec_hidden" >&2; exit 7`;
    const path = await fakeProgram(root, 'rclone', body);
    const { tail, exitCode } = await runRclone({ path }, otherArgv(), { env: {} });
    expect(exitCode).toBe(7);
    expect(tail).toHaveLength(40);
    expect(tail.join('\n')).not.toMatch(/abc\.def|tsec_hidden/);
    expect(await readFile(path, 'utf8')).toContain('abc.def');
  });
});
