import { createConnection, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import * as z from 'zod/mini';
import { AbortError, type ErrorReport } from '../output/errors.ts';
import type { ExitCode } from '../output/exit-codes.ts';
import { privateAddress } from '../platform/private-address.ts';

/**
 * How other processes speak to one that keeps running (a mount's supervisor, a watcher): a Unix
 * socket in a 0700 folder (a named pipe on Windows), one JSON line as the question, JSON lines as
 * the answer, the last with `done` or `error`. Hanging up withdraws the question. Each question
 * carries the nonce of the start that it means.
 */
interface Question {
  nonce: string;
}

/** Understands questions; a zod schema is one. */
export interface QuestionSchema<Q extends Question> {
  safeParse(value: unknown): { success: true; data: Q } | { success: false };
}

export const ErrorShape = z.object({
  code: z.string(),
  message: z.string(),
  exitCode: z.number(),
  suggestions: z.array(z.string()),
  details: z.record(z.string(), z.unknown()),
});

const Answer = z.union([
  z.object({ event: z.unknown() }),
  z.object({ done: z.unknown() }),
  z.object({ error: ErrorShape }),
]);

export interface ControlServer {
  address: string;
  close(): Promise<void>;
}

export interface ControlHandler<Q extends Question> {
  questions: QuestionSchema<Q>;
  /** Its promise is the answer. @param signal aborted when the caller hangs up */
  handle: (question: Q, emit: (event: unknown) => void, signal: AbortSignal) => Promise<unknown>;
  /** How an error is told. */
  reportOf: (error: unknown) => ErrorReport;
}

/** Listens in `folder`, or in a private temporary one where its path is too long for a socket. */
export async function serveControl<Q extends Question>(
  folder: string,
  nonce: string,
  handler: ControlHandler<Q>,
): Promise<ControlServer> {
  const name = `control-${nonce.slice(0, 8)}`;
  const { address, remove } = await privateAddress(folder, { name, secret: nonce });
  const server = createServer((socket) => {
    answer(socket, nonce, handler).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => resolve());
  });
  return {
    address,
    close: async () => {
      server.close();
      await remove();
    },
  };
}

async function answer<Q extends Question>(
  socket: Socket,
  nonce: string,
  { questions, handle, reportOf }: ControlHandler<Q>,
): Promise<void> {
  const hungUp = new AbortController();
  socket.on('error', () => socket.destroy());
  socket.on('close', () => hungUp.abort(new Error('the caller hung up')));
  const say = (line: object): void => {
    if (socket.writable) socket.write(`${JSON.stringify(line)}\n`);
  };
  for await (const line of createInterface({ input: socket })) {
    const question = questions.safeParse(JSON.parse(line));
    if (!question.success || question.data.nonce !== nonce) break;
    try {
      const result = await handle(question.data, (event) => say({ event }), hungUp.signal);
      say({ done: result });
    } catch (error) {
      say({ error: reportOf(error) });
    }
    break;
  }
  socket.end();
}

/** That process could not be asked: gone, hanging, or another one by now. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

export interface AskOptions {
  /** Milliseconds without a line from that process. */
  silenceMs: number;
  onEvent?: (event: unknown) => void;
  signal?: AbortSignal;
}

/**
 * Asks and returns the answer.
 *
 * @throws NoAnswerError when it does not answer; AbortError what it reported
 */
export function askControl(
  address: string,
  question: Question & Readonly<Record<string, unknown>>,
  options: AskOptions,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(address);
    const finish = (end: () => void): void => {
      socket.destroy();
      options.signal?.removeEventListener('abort', withdraw);
      end();
    };
    const fail = (error: Error): void => finish(() => reject(error));
    const withdraw = (): void => fail(options.signal?.reason as Error);
    if (options.signal?.aborted === true) {
      withdraw();
      return;
    }
    options.signal?.addEventListener('abort', withdraw, { once: true });
    socket.setTimeout(options.silenceMs, () => fail(new NoAnswerError('no answer in time')));
    socket.on('error', (error) => fail(new NoAnswerError(error.message)));
    socket.on('close', () => fail(new NoAnswerError('hung up')));
    socket.write(`${JSON.stringify(question)}\n`);
    const lines = createInterface({ input: socket });
    // readline passes the socket's errors on, and one that nobody hears ends the process.
    lines.on('error', (error: Error) => fail(new NoAnswerError(error.message)));
    lines.on('line', (line) => {
      const said = parseAnswer(line);
      if (said === undefined) fail(new NoAnswerError('an answer that is none'));
      else if ('error' in said) fail(abortErrorOf(said.error));
      else if ('done' in said) finish(() => resolve(said.done));
      else options.onEvent?.(said.event);
    });
  });
}

function parseAnswer(line: string): z.infer<typeof Answer> | undefined {
  try {
    return Answer.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** An error as another process reported it. */
export function abortErrorOf(report: z.infer<typeof ErrorShape>): AbortError {
  return new AbortError(report.code, report.message, {
    exitCode: report.exitCode as ExitCode,
    suggestions: report.suggestions,
    details: report.details,
  });
}
