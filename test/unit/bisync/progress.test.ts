import { expect, it } from 'vitest';
import { ProgressMeter } from '../../../src/bisync/progress.ts';
import { progressText, showBisync } from '../../../src/bisync/show-bisync.ts';
import { Output, type OutputFormat } from '../../../src/output/output.ts';

function screen(options: { animated: boolean; format?: OutputFormat; columns?: number }): {
  out: Output;
  stdout: () => string;
  stderr: () => string;
} {
  const written = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof written): { write(text: string): void; columns: number } => ({
    write: (text) => (written[name] += text),
    columns: options.columns ?? 80,
  });
  const out = new Output({
    ...{ format: options.format ?? 'table', quiet: false, verbose: false, color: false },
    ...{ animated: options.animated, interactive: false },
    ...{ stdout: stream('stdout'), stderr: stream('stderr') },
  });
  return { out, stdout: () => written.stdout, stderr: () => written.stderr };
}

it('counts bytes while they move, takes back what is sent again, and knows rate and time left', () => {
  let now = 0;
  const meter = new ProgressMeter({ now: () => now });
  meter.expect({ changes: 2, bytes: 3000 });
  const first = meter.transfer('a', 'up', 1000);
  const second = meter.transfer('b', 'down', 2000);
  expect(meter.read()).toMatchObject({ bytesPerSecond: 0, secondsLeft: null });
  now = 1000;
  first.moved(600);
  second.moved(400);
  expect(meter.read()).toEqual({
    changes: { done: 0, total: 2 },
    bytes: { done: 1000, total: 3000 },
    ...{ bytesPerSecond: 1000, secondsLeft: 2 },
    moving: [
      { path: 'b', direction: 'down', bytes: 400, size: 2000 },
      { path: 'a', direction: 'up', bytes: 600, size: 1000 },
    ],
  });
  first.again();
  expect(meter.read().bytes.done).toBe(400);
  first.end(true);
  meter.changeDone();
  second.end(false);
  meter.changeDone();
  expect(meter.read()).toMatchObject({ changes: { done: 2 }, bytes: { done: 1000 }, moving: [] });
  now = 60_000;
  expect(meter.read()).toMatchObject({ bytesPerSecond: 0 });
});

const moving = {
  ...{ changes: { done: 12, total: 300 }, bytes: { done: 45 << 20, total: 1200 << 20 } },
  ...{ bytesPerSecond: 12 << 20, secondsLeft: 96 },
  moving: [{ path: `long/${'n'.repeat(100)}\n.bin`, direction: 'up' as const, bytes: 1, size: 3 }],
};

it('says on one line what a person wants to know', () => {
  expect(progressText(moving)).toBe(
    'Syncing 12 of 300 changes, 45 MiB of 1.2 GiB, 12 MiB/s, 2 min left',
  );
  expect(progressText({ ...moving, bytesPerSecond: 0, secondsLeft: null })).toBe(
    'Syncing 12 of 300 changes, 45 MiB of 1.2 GiB',
  );
});

it('draws two lines in place that fit, and leaves nothing behind', () => {
  const { out, stderr, stdout } = screen({ animated: true, columns: 40 });
  const show = showBisync(out);
  show.event({ type: 'progress', ...moving });
  show.event({ type: 'progress', ...moving });
  show.end();
  const lines = stderr()
    .split(/\u001b\[\d*[A-Z]|[\r\n]/)
    .filter((line) => line !== '');
  expect(lines).toHaveLength(4);
  for (const line of lines) expect(line.length).toBeLessThan(38);
  expect(stderr().endsWith('\u001b[1A\r\u001b[0J')).toBe(true);
  expect(stdout()).toBe('');
});

it('writes a line now and then in a pipe, and each event under --json', () => {
  let now = 0;
  const pipe = screen({ animated: false });
  const show = showBisync(pipe.out, () => now);
  for (let second = 0; second < 25; second += 1) {
    now = second * 1000;
    show.event({ type: 'progress', ...moving });
  }
  show.end();
  expect(pipe.stderr().trimEnd().split('\n')).toHaveLength(2);
  const json = screen({ animated: false, format: 'json' });
  showBisync(json.out).event({ type: 'progress', ...moving });
  expect(JSON.parse(json.stdout())).toMatchObject({ type: 'progress', bytesPerSecond: 12 << 20 });
});
