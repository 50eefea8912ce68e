import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { summary, type Load } from './http-load.ts';

const EVENTS = 20;

/** From the request that says it until each of so many clients has it; `perSecond`: deliveries. */
export async function fanOut(server: URL, token: string, clients: number): Promise<Load> {
  const times: number[] = [];
  let greeted = 0;
  const sentAt = new Map<string, number>();
  const sockets = Array.from({ length: clients }, () => {
    const socket = connect(Number(server.port), server.hostname);
    socket.write(
      `GET /tenant/events HTTP/1.1\r\nhost: ${server.host}\r\nauthorization: Bearer ${token}\r\n\r\n`,
    );
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      const now = performance.now();
      text += data.toString('latin1');
      for (const [, key = ''] of text.matchAll(/"key":"([^"]+)"[^\n]*\n/g)) {
        const sent = sentAt.get(key);
        if (sent !== undefined) times.push(now - sent);
      }
      if (text.includes('"hello"')) greeted += 1;
      text = text.slice(text.lastIndexOf('\n') + 1);
    });
    return socket;
  });
  await until(() => greeted >= clients);
  const began = performance.now();
  for (let index = 0; index < EVENTS; index += 1) {
    const key = `fan-out-${index}`;
    sentAt.set(key, performance.now());
    const response = await fetch(new URL('/tenant/sync', server), {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ changes: [{ key }] }),
    });
    if (response.status !== 204) throw new Error(await response.text());
    await until(() => times.length >= (index + 1) * clients);
    await pause(50);
  }
  const load = summary(times, performance.now() - began);
  for (const socket of sockets) socket.destroy();
  return load;
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('some clients never heard of it');
    await pause(5);
  }
}
