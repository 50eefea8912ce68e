import { once } from 'node:events';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { reportOf } from '../../../src/cli/report.ts';
import {
  askControl,
  serveControl,
  type ControlHandler,
  type ControlServer,
} from '../../../src/control/control.ts';
import { MountQuestion } from '../../../src/mount/requests.ts';
import { AbortError } from '../../../src/output/errors.ts';
import { openWorkspace } from '../../support/workspace.ts';

const nonce = 'a'.repeat(32);
type Handle = ControlHandler<MountQuestion>['handle'];

async function serve(handle: Handle, folder?: string): Promise<ControlServer> {
  const { root } = await openWorkspace();
  const server = await serveControl(folder ?? root, nonce, {
    questions: MountQuestion,
    handle,
    reportOf,
  });
  onTestFinished(() => server.close());
  return server;
}

const status = { type: 'status', nonce } as const;
const patient = { silenceMs: 5000 };

test('events arrive before the answer, and a reported error keeps its code', async () => {
  const { address } = await serve((request, emit) => {
    if (request.type === 'unmount') {
      throw new AbortError('mount-busy', 'in use', { exitCode: 13, suggestions: ['close it'] });
    }
    emit({ step: 1 });
    emit({ step: 2 });
    return Promise.resolve({ fine: true });
  });
  const events: unknown[] = [];
  const onEvent = (event: unknown): void => void events.push(event);
  expect(await askControl(address, status, { ...patient, onEvent })).toEqual({ fine: true });
  expect(events).toEqual([{ step: 1 }, { step: 2 }]);
  const unmount = { type: 'unmount', nonce, force: false } as const;
  await expect(askControl(address, unmount, patient)).rejects.toMatchObject({
    code: 'mount-busy',
    exitCode: 13,
    suggestions: ['close it'],
  });
});

test('whoever does not know the nonce, or speaks nonsense, is hung up on', async () => {
  let handled = 0;
  const { address } = await serve(() => Promise.resolve((handled += 1)));
  await expect(askControl(address, { type: 'status', nonce: 'b' }, patient)).rejects.toMatchObject({
    name: 'NoAnswerError',
  });
  for (const line of ['not json', '{}', '[]', 'null', '{"type":"format-disk"}', '\0\0']) {
    const socket = createConnection(address);
    socket.on('error', () => undefined);
    socket.write(`${line}\n`);
    socket.resume();
    await once(socket, 'close');
  }
  expect(handled).toBe(0);
  expect(await askControl(address, status, patient)).toBe(1);
});

test('hanging up withdraws the question', async () => {
  let withdrawn!: (reason: unknown) => void;
  const reason = new Promise((resolve) => (withdrawn = resolve));
  let asked!: () => void;
  const begun = new Promise<void>((resolve) => (asked = resolve));
  const { address } = await serve((_request, _emit, signal) => {
    asked();
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        withdrawn(signal.reason);
        reject(signal.reason as Error);
      });
    });
  });
  const interrupted = new AbortController();
  const asking = askControl(address, status, { ...patient, signal: interrupted.signal });
  await begun;
  interrupted.abort(new Error('Ctrl-C'));
  await expect(asking).rejects.toThrow('Ctrl-C');
  expect(await reason).toBeInstanceOf(Error);
});

test.each([
  ['nobody', undefined],
  ['somebody who hangs up', ''],
  ['somebody who answers nonsense', 'HTTP/1.1 400 Bad Request\n'],
])('%s at the address is no supervisor', async (_who, says) => {
  const { root } = await openWorkspace();
  const address = join(root, 'socket');
  if (says !== undefined) {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(says);
    });
    await new Promise<void>((resolve) => server.listen(address, resolve));
    onTestFinished(() => void server.close());
  }
  await expect(askControl(address, status, patient)).rejects.toMatchObject({
    name: 'NoAnswerError',
  });
});

test('a supervisor that says nothing is not waited for', async () => {
  const { address } = await serve(() => new Promise(() => undefined));
  await expect(askControl(address, status, { silenceMs: 20 })).rejects.toThrow('no answer in time');
});

test('a path too long for a socket gets one in a private temporary folder', async () => {
  const { root } = await openWorkspace();
  const deep = join(root, 'd'.repeat(100));
  await mkdir(deep);
  const server = await serve(() => Promise.resolve('here'), deep);
  expect(await askControl(server.address, status, patient)).toBe('here');
  expect(await readdir(deep)).toEqual([]);
  expect((await stat(join(server.address, '..'))).mode & 0o777).toBe(0o700);
  await server.close();
  await expect(stat(join(server.address, '..'))).rejects.toMatchObject({ code: 'ENOENT' });
});
