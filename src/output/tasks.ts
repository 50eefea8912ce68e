import { count } from './format.ts';
import type { Output } from './output.ts';
import { redact } from './redact.ts';

/**
 * Shows a detail of a step while it runs. One that is `passing` (a progress, soon out of date) is
 * drawn on a terminal only.
 */
export type Report = (detail: string, kind?: 'passing') => void;

/** One step of a longer work. */
export interface Task {
  id: string;
  /** What is being done: `Find rclone`. */
  title: string;
  /** Does it. Resolves to what came of it. */
  run(report: Report): Promise<string>;
}

/**
 * Runs the steps in order and shows them: in place on a terminal, as a line each on stderr in a
 * pipe, as events under `--json`. The first error ends it and is thrown.
 */
export async function runTasks(tasks: readonly Task[], out: Output): Promise<void> {
  if (tasks.length === 0) return;
  if (out.options.animated) {
    await runInPlace(tasks);
    return;
  }
  for (const task of tasks) {
    out.event({ type: 'step', step: task.id, state: 'started' });
    out.detail(`${task.title} …`);
    const outcome = await task
      .run((detail, kind) => {
        if (kind !== 'passing') out.detail(`  ${detail}`);
      })
      .catch((error: unknown) => {
        out.event({ type: 'step', step: task.id, state: 'failed' });
        throw error;
      });
    out.event({ type: 'step', step: task.id, state: 'done', outcome });
    out.note(`✓ ${task.title}: ${outcome}`);
  }
}

async function runInPlace(tasks: readonly Task[]): Promise<void> {
  const { Listr } = await import('listr2');
  await new Listr(
    tasks.map((task) => ({
      title: task.title,
      task: async (_context: unknown, view: { title?: string | undefined; output?: unknown }) => {
        const outcome = await task.run((detail) => {
          view.output = redact(detail);
        });
        view.title = redact(`${task.title}: ${outcome}`);
      },
    })),
    {
      exitOnError: true,
      // Its own handler would end the process at once, with a code of its own.
      registerSignalListeners: false,
      rendererOptions: { showErrorMessage: false, collapseErrors: false },
    },
  ).run();
}

/** `Uploading 12 of 300 files`: for the detail line of a step. */
export function progressText(verb: string, done: number, total: number): string {
  return `${verb} ${done.toLocaleString('en-US')} of ${count(total, 'file')}`;
}
