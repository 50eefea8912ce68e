import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod/mini';
import { SyncNotice, TigrisDelivery } from '../../api/contract/events.ts';
import type { Database } from '../db/sqlite.ts';
import type { EventBus } from '../events/event-bus.ts';
import type { NewEvent } from '../events/event-log.ts';
import { EventStreams } from '../events/event-streams.ts';
import type { SyncForwarder } from '../events/sync-forward.ts';
import { checkWebhookToken, takeDelivery } from '../events/webhook.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Metrics } from '../metrics.ts';
import { tenantOf, type Guards } from '../plugins/authentication.ts';

interface EventDeps {
  db: Database;
  clock: Clock;
  bus: EventBus;
  metrics: Metrics;
  forwarder: SyncForwarder;
  webhookToken: (tenantId: string) => string;
}

const DELIVERY_LIMIT = 1024 * 1024;
const Params = z.object({ tenant_id: z.string() });
type Params = z.infer<typeof Params>;
const Notice = z.nullable(SyncNotice);

export function eventRoutes(app: FastifyInstance, deps: EventDeps, guards: Guards): void {
  const streams = new EventStreams({
    bus: deps.bus,
    clock: deps.clock,
    onError: (err) => app.log.error({ err }, 'an event stream failed'),
    onSlow: (tenant) => app.log.info({ tenant }, 'an event stream was cut: nobody reads it'),
  });
  app.addHook('preClose', async () => {
    streams.stop();
    deps.forwarder.stop();
    return Promise.resolve();
  });
  streamRoute(app, streams, deps.metrics, guards);
  syncRoute(app, deps, guards);
  app.register((scoped, _options, done) => {
    webhookRoute(scoped, deps);
    done();
  });
}

function streamRoute(
  app: FastifyInstance,
  streams: EventStreams,
  metrics: Metrics,
  guards: Guards,
): void {
  app.get(
    '/tenant/events',
    { onRequest: guards.tenant('mount:read'), exposeHeadRoute: false },
    async (request, reply) => {
      const { id: tenantId } = tenantOf(request);
      streams.assertRoom(tenantId);
      metrics.streams.inc();
      reply.raw.once('close', () => metrics.streams.dec());
      const { 'last-event-id': last } = request.headers;
      await streams.open({
        tenantId,
        lastEventId: typeof last === 'string' && last !== '' ? last : undefined,
        stillAllowed: () => guards.stillAllowed(request, 'mount:read'),
        sink: beginStream(reply),
      });
    },
  );
}

/** From here on the answer is ours to write and to end. */
function beginStream(reply: FastifyReply): FastifyReply['raw'] {
  reply.hijack();
  const { raw } = reply;
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) raw.setHeader(name, value);
  }
  // A client that went away is told by `close`; writing to it meanwhile is no fault.
  raw.on('error', () => undefined);
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // nginx would hold small answers back.
    'x-accel-buffering': 'no',
  });
  raw.flushHeaders();
  return raw;
}

function syncRoute(app: FastifyInstance, { db, bus, forwarder }: EventDeps, guards: Guards): void {
  app.post<{ Body: SyncNotice | null }>(
    '/tenant/sync',
    { onRequest: guards.tenant('mount'), schema: { body: Notice } },
    async (request, reply) => {
      const { id } = tenantOf(request);
      await bus.publish(id, toEvents(request.body ?? {}));
      const row = await db
        .selectFrom('tenants')
        .select('sync_url')
        .where('id', '=', id)
        .executeTakeFirst();
      if (typeof row?.sync_url === 'string') forwarder.forward(id, row.sync_url);
      return reply.code(204).send();
    },
  );
}

function toEvents({ origin, changes = [] }: SyncNotice): NewEvent[] {
  const from = origin === undefined ? {} : { origin };
  if (changes.length === 0) return [{ type: 'sync-requested', ...from }];
  return changes.map(({ change = 'put', etag, ...rest }) => ({
    type: 'object-changed',
    ...rest,
    ...(etag === undefined ? {} : { etag: etag.replaceAll('"', '') }),
    change,
    source: 'client',
    ...from,
  }));
}

function webhookRoute(app: FastifyInstance, deps: EventDeps): void {
  // What a storage says its content is does not matter: it is ours to read.
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser<string>('*', { parseAs: 'string' }, (request, body, done) => {
    void parse(request, body, done);
  });
  app.post<{ Params: Params; Body: TigrisDelivery }>(
    '/webhooks/tigris/:tenant_id',
    {
      bodyLimit: DELIVERY_LIMIT,
      // One line for each save would bury the rest.
      logLevel: 'warn',
      schema: { params: Params, body: TigrisDelivery },
      // Before the body is read.
      onRequest: async (request: FastifyRequest<{ Params: Params }>) => {
        const expected = deps.webhookToken(request.params.tenant_id);
        checkWebhookToken(expected, request.headers.authorization);
        return Promise.resolve();
      },
    },
    async (request, reply) => {
      const { tenant_id: tenantId } = request.params;
      const unknown = await takeDelivery(deps, tenantId, request.body);
      if (unknown.length > 0) {
        request.log.warn({ unknown: unknown.slice(0, 5) }, 'notifications of an unknown kind');
      }
      return reply.code(204).send();
    },
  );
}
