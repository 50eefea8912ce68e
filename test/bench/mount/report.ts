import type { Contender } from './contenders.ts';
import type { Results } from './results.ts';
import type { Task } from './work.ts';

/** A ratio to the rival of up to this counts as equal. */
const EQUAL = 1.05;
/** So much faster metadata work should be. */
const METADATA = 5;

export const untilSettled = ({ name }: Task): string => `${name}, until uploaded`;

/** The medians in milliseconds as Markdown; behind a profile's, the ratio to its rival. */
export function print(
  title: string,
  tasks: readonly Task[],
  contenders: readonly Contender[],
  results: Results,
): void {
  const names = contenders.map(({ name }) => name);
  console.log(`\n### ${title}\n\n| ms | ${names.join(' | ')} |`);
  console.log(`|---|${names.map(() => '---:|').join('')}`);
  for (const measure of tasks.flatMap(measuresOf)) {
    const cells = contenders.map((contender) => cell(contender, measure, results));
    console.log(`| ${measure} | ${cells.join(' | ')} |`);
  }
  printRequests(tasks, contenders, results);
  for (const { contender, measure, why } of results.failures()) {
    console.log(`\nFailed: ${contender}, ${measure}: ${why}`);
  }
  printTargets(tasks, contenders, results);
}

const measuresOf = (task: Task): string[] =>
  task.uploads ? [task.name, untilSettled(task)] : [task.name];

function cell({ name, rival }: Contender, measure: string, results: Results): string {
  const ms = results.median(name, measure);
  if (ms === undefined) return results.failure(name, measure) === undefined ? '–' : 'fails';
  const other = rival === undefined ? undefined : results.median(rival, measure);
  const ratio = other === undefined ? '' : ` (${(ms / other).toFixed(2)})`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)}${ratio}`;
}

function printRequests(
  tasks: readonly Task[],
  contenders: readonly Contender[],
  results: Results,
): void {
  const mounts = contenders.filter(({ freshness }) => freshness !== undefined);
  console.log(`\n| requests | ${mounts.map(({ name }) => name).join(' | ')} |`);
  console.log(`|---|${mounts.map(() => '---|').join('')}`);
  for (const { name } of tasks.filter(({ requests }) => requests)) {
    const cells = mounts.map((each) => results.requests(each.name, name) ?? '–');
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
}

function printTargets(
  tasks: readonly Task[],
  contenders: readonly Contender[],
  results: Results,
): void {
  const slower: string[] = [];
  const unpaid: string[] = [];
  for (const { name, rival } of contenders) {
    if (rival === undefined) continue;
    for (const task of tasks) {
      for (const measure of measuresOf(task)) {
        const ratio =
          (results.median(name, measure) ?? NaN) / (results.median(rival, measure) ?? NaN);
        if (!(ratio <= EQUAL)) slower.push(`${name}, ${measure}: ${ratio.toFixed(2)}`);
        if (task.metadata && !(1 / ratio >= METADATA)) {
          unpaid.push(`${name}, ${measure}: ${(1 / ratio).toFixed(1)} ×`);
        }
      }
    }
  }
  const told = (missed: string[]): string =>
    missed.length === 0 ? 'met' : `missed\n${missed.map((each) => `- ${each}`).join('\n')}`;
  console.log(
    `\nNever slower than plain rclone of the same freshness (≤ ${EQUAL}): ${told(slower)}`,
  );
  console.log(`\nMetadata after the freshness has passed ≥ ${METADATA} × faster: ${told(unpaid)}`);
}
