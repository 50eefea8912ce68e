import type { IncomingMessage, ServerResponse } from 'node:http';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { eventDecoder } from '../../../src/api/event-connection.ts';
import { followEvents, type StreamItem } from '../../../src/api/event-stream.ts';
import { steppedClock, type SteppedClock } from '../../support/stepped-clock.ts';
import { serve } from '../../support/web-server.ts';

const HEARTBEAT = 15_000;
const frame = (data: object, id?: string): string =>
  `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
const hello = (id?: string) => frame({ type: 'hello', heartbeat_ms: HEARTBEAT }, id);
const changed = (id: string, key = 'a') =>
  frame(
    {
      id,
      type: 'object-changed',
      key,
      change: 'put',
      at: '2026-01-01T00:00:00.000Z',
      source: 'storage',
    },
    id,
  );
const problem = (response: ServerResponse, status: number, headers: object = {}): void => {
  response
    .writeHead(status, { 'content-type': 'application/problem+json', ...headers })
    .end(JSON.stringify({ type: 'urn:x', title: 'x', status, code: 'x' }));
};

interface Follower {
  clock: SteppedClock;
  next(): Promise<StreamItem | undefined>;
  stop(): void;
}

type Answer = (response: ServerResponse, request: IncomingMessage, count: number) => void;

const stream = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { 'content-type': 'text/event-stream' });

async function follow(
  answer: Answer | string,
  options: { token?: (refused?: string) => Promise<string>; lastEventId?: string } = {},
): Promise<Follower> {
  const server =
    typeof answer === 'string'
      ? answer
      : (await serve((request, response, count) => answer(response, request, count))).url;
  const abort = new AbortController();
  const clock = steppedClock();
  const items = followEvents({
    server,
    token: () => Promise.resolve('t'),
    clock,
    random: () => 1,
    signal: abort.signal,
    ...options,
  });
  onTestFinished(async () => {
    abort.abort();
    await items.return();
  });
  return {
    clock,
    next: async () => {
      const { value } = await items.next();
      return value ?? undefined;
    },
    stop: () => abort.abort(),
  };
}

/** Lets the time run, in small pieces, until `promise` has settled. */
async function running<T>(clock: SteppedClock, promise: Promise<T>): Promise<T> {
  const state = { settled: false };
  const done = promise.finally(() => (state.settled = true));
  while (!state.settled) {
    clock.advance(500);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return done;
}

describe('a stream', () => {
  test('opens with a gap, since nobody knows what was before, and brings events', async () => {
    const { next } = await follow((response) => {
      stream(response).write(hello('7') + changed('8', 'ä/b'));
    });
    expect(await next()).toEqual({ type: 'open', position: '7' });
    expect(await next()).toEqual({ type: 'gap', position: '7' });
    expect(await next()).toMatchObject({ type: 'event', event: { id: '8', key: 'ä/b' } });
  });

  test('that is cut in the middle of an event resumes after the last whole one', async () => {
    const asked: unknown[] = [];
    const { next, clock } = await follow(
      (response, request, count) => {
        asked.push(request.headers['last-event-id']);
        const half = changed('6').slice(0, -10);
        if (count === 1) stream(response).end(hello() + changed('5') + half);
        else stream(response).write(hello() + changed('6'));
      },
      { lastEventId: '4' },
    );
    expect(await next()).toEqual({ type: 'open', position: '4' });
    expect(await next()).toMatchObject({ type: 'event', event: { id: '5' } });
    expect(await next()).toMatchObject({ type: 'closed', reason: 'cut', retryInMs: 500 });
    expect(await running(clock, next())).toMatchObject({ type: 'open', position: '5' });
    expect(await next()).toMatchObject({ type: 'event', event: { id: '6' } });
    expect(asked).toEqual(['4', '5']);
  });

  test('says that there is a gap: told so, or an event that cannot be read', async () => {
    const { next } = await follow(
      (response) => {
        stream(response).write(
          hello() +
            frame({ type: 'resync', reason: 'position-too-old' }, '20') +
            'id: 21\ndata: {"type":"object-cha\n\n' +
            frame({ type: 'object-changed', id: '22' }, '22') +
            frame({ type: 'of-a-later-version', id: '23' }, '23') +
            'unknown: field\n\n' +
            changed('24'),
        );
      },
      { lastEventId: '4' },
    );
    expect(await next()).toMatchObject({ type: 'open' });
    expect(await next()).toEqual({ type: 'gap', position: '20' });
    expect(await next()).toEqual({ type: 'gap', position: '21' });
    expect(await next()).toEqual({ type: 'gap', position: '22' });
    expect(await next()).toMatchObject({ type: 'event', event: { id: '24' } });
  });

  test('is dead after two and a half heartbeats of silence, not sooner', async () => {
    let send = (_text: string): void => undefined;
    const { next, clock } = await follow((response) => {
      stream(response).write(hello('1'));
      send = (text) => response.write(text);
    });
    await next();
    await next();
    const item = next();
    // Heartbeats keep it alive through three times the limit.
    for (let beat = 0; beat < 8; beat += 1) {
      for (let step = 0; step < 3; step += 1) {
        await expect.poll(() => clock.sleeping, { interval: 5 }).toBe(1);
        clock.advance(5000);
      }
      await expect.poll(() => clock.sleeping, { interval: 5 }).toBe(1);
      const { sleeps } = clock;
      send(': still here\n\n');
      await expect.poll(() => clock.sleeps, { interval: 5 }).toBeGreaterThan(sleeps);
    }
    const started = clock.now();
    expect(await running(clock, item)).toMatchObject({ type: 'closed', reason: 'silent' });
    const waited = clock.now() - started;
    expect(waited).toBeGreaterThanOrEqual(2 * HEARTBEAT);
    expect(waited).toBeLessThan(3 * HEARTBEAT);
  });

  test('of a caller who takes his time is not silent', async () => {
    const { next, clock } = await follow((response) => {
      stream(response).write(hello('1') + changed('2') + changed('3'));
    });
    await next();
    await next();
    await next();
    clock.advance(10 * HEARTBEAT);
    expect(await next()).toMatchObject({ type: 'event', event: { id: '3' } });
  });

  test('is made anew at once when the machine slept', async () => {
    const { next, clock } = await follow((response) => {
      stream(response).write(hello('1'));
    });
    await next();
    await next();
    const item = next();
    await expect.poll(() => clock.sleeping, { interval: 5 }).toBeGreaterThan(0);
    clock.jump(3_600_000);
    expect(await running(clock, item)).toMatchObject({
      type: 'closed',
      reason: 'slept',
      retryInMs: 0,
    });
    expect(await next()).toMatchObject({ type: 'open' });
  });
});

describe('what is no stream', () => {
  test.each<[string, Answer]>([
    [
      'a page of the network',
      (response) =>
        response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>'),
    ],
    ['a page not found', (response) => response.writeHead(404).end('<h1>Not found</h1>')],
    ['a redirect', (response) => response.writeHead(302, { location: 'http://x.invalid' }).end()],
    ['a refusal of somebody else', (response) => response.writeHead(403).end('no')],
  ])('%s is not our server', async (_name, answer) => {
    const { next } = await follow(answer);
    expect(await next()).toMatchObject({ type: 'closed', reason: 'not-our-server' });
  });

  test.each([404, 405, 501])('a server that answers %i has no events: the end', async (status) => {
    const { next } = await follow((response) => problem(response, status));
    expect(await next()).toMatchObject({
      type: 'closed',
      reason: 'not-offered',
      retryInMs: null,
    });
    expect(await next()).toBeUndefined();
  });

  test('a busy server is left alone as long as it asks for, never less', async () => {
    const { next, clock } = await follow((response, _request, count) => {
      if (count === 1) problem(response, 503, { 'retry-after': '40' });
      else stream(response).write(hello('1'));
    });
    const closed = await next();
    expect(closed).toMatchObject({ type: 'closed', reason: 'unavailable' });
    const { retryInMs } = closed as { retryInMs: number };
    expect(retryInMs).toBeGreaterThanOrEqual(40_000);
    const from = clock.now();
    expect(await running(clock, next())).toMatchObject({ type: 'open' });
    expect(clock.now() - from).toBeGreaterThanOrEqual(40_000);
  });

  test('a server that stops says when to come back', async () => {
    const { next } = await follow((response) => {
      stream(response).end(`${hello('1')}retry: 4000\n\n`);
    });
    await next();
    await next();
    expect(await next()).toMatchObject({ type: 'closed', reason: 'cut', retryInMs: 6000 });
  });

  test('nothing that comes through, after an answer that began, is a proxy', async () => {
    const { next, clock } = await follow((response) => stream(response).flushHeaders());
    expect(await running(clock, next())).toMatchObject({ type: 'closed', reason: 'buffered' });
  });

  test('an answer that never begins is given up', async () => {
    const { next, clock } = await follow(() => undefined);
    expect(await running(clock, next())).toMatchObject({ type: 'closed', reason: 'network' });
  });

  test('a line without end does not fill the memory', async () => {
    const { next } = await follow((response) => {
      stream(response).write(hello('1'));
      response.write(`data: ${'x'.repeat(400_000)}`);
    });
    await next();
    await next();
    expect(await next()).toMatchObject({ type: 'closed', reason: 'garbled' });
  });

  test('another stream than ours is not taken for it', async () => {
    const { next } = await follow((response) => stream(response).write('data: {"price": 3}\n\n'));
    expect(await next()).toMatchObject({ type: 'closed', reason: 'garbled' });
  });

  test('nobody there: ever longer pauses, at most a minute', async () => {
    const { next, clock } = await follow('http://127.0.0.1:1');
    const pauses: (number | null)[] = [];
    for (let attempt = 0; attempt < 9; attempt += 1) {
      const item = await running(clock, next());
      if (item?.type === 'closed') pauses.push(item.retryInMs);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1000));
  });
});

describe('a token', () => {
  test('that is refused is renewed once', async () => {
    const refusals: (string | undefined)[] = [];
    const { next } = await follow(
      (response, { headers: { authorization } }) => {
        if (authorization === 'Bearer old') problem(response, 401);
        else stream(response).write(hello('1'));
      },
      {
        token: (refused) => {
          refusals.push(refused);
          return Promise.resolve(refused === undefined ? 'old' : 'new');
        },
      },
    );
    expect(await next()).toMatchObject({ type: 'open' });
    expect(refusals).toEqual([undefined, 'old']);
  });

  test('of a tenant that is denied is tried again soon, and then twice a minute', async () => {
    const { next, clock } = await follow((response) => problem(response, 403));
    expect(await next()).toMatchObject({ type: 'closed', reason: 'denied', retryInMs: 2000 });
    for (const retryInMs of [4000, 8000, 16_000, 30_000, 30_000]) {
      expect(await running(clock, next())).toMatchObject({ reason: 'denied', retryInMs });
    }
  });

  test('refused for good is tried again, but seldom', async () => {
    let requests = 0;
    const { next, clock } = await follow((response) => {
      requests += 1;
      problem(response, 401);
    });
    expect(await next()).toMatchObject({ type: 'closed', reason: 'auth', retryInMs: 60_000 });
    expect(requests).toBe(1);
    expect(await running(clock, next())).toMatchObject({ reason: 'auth', retryInMs: 120_000 });
  });

  test('that cannot be had is no reason to throw', async () => {
    const { next } = await follow(() => undefined, {
      token: () => Promise.reject(new Error('the lock is held')),
    });
    expect(await next()).toMatchObject({ type: 'closed', reason: 'network' });
  });
});

test('a proxy that the environment names is used', async () => {
  const asked: unknown[] = [];
  const proxy = await serve((request, response) => {
    asked.push(request.url);
    stream(response).write(hello('1'));
  });
  vi.stubEnv('HTTP_PROXY', proxy.url);
  vi.stubEnv('NO_PROXY', '');
  onTestFinished(() => void vi.unstubAllEnvs());
  const { next } = await follow('http://cloud.invalid');
  expect(await next()).toMatchObject({ type: 'open' });
  expect(asked).toEqual(['http://cloud.invalid/tenant/events']);
});

test('the signal ends it: while connected, while waiting, before it began', async () => {
  const connected = await follow((response) => stream(response).write(hello('1')));
  await connected.next();
  await connected.next();
  const item = connected.next();
  connected.stop();
  expect(await item).toBeUndefined();

  const waiting = await follow('http://127.0.0.1:1');
  await waiting.next();
  const opening = waiting.next();
  waiting.stop();
  expect(await opening).toBeUndefined();

  const never = await follow('http://127.0.0.1:1');
  never.stop();
  expect(await never.next()).toBeUndefined();
});

test('however the bytes are cut, the same messages come out', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 30 });
  const message = fc
    .record({
      id: fc.option(fc.nat()),
      data: text,
      comment: text,
      end: fc.constantFrom('\n', '\r\n'),
    })
    .map(({ id, data, comment, end }) => {
      const line = (value: string) => value.replace(/[\r\n]/g, ' ');
      const lines = [`: ${line(comment)}`, ...(id === null ? [] : [`id: ${id}`])];
      return [...lines, `data: ${line(data)}`, '', ''].join(end);
    });
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      (messages, sizes) => {
        const bytes = Buffer.from(messages.join(''));
        const whole = eventDecoder()(bytes);
        const decode = eventDecoder();
        const pieces = [];
        for (let at = 0, index = 0; at < bytes.length; index += 1) {
          const size = sizes[index % sizes.length]!;
          pieces.push(...decode(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(pieces).toEqual(whole);
        expect(whole).toHaveLength(messages.length);
      },
    ),
    { numRuns: 500 },
  );
});
