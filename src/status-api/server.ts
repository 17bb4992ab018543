/**
 * The status API: reads, and nothing else. GET and HEAD over a ReadModel, JSON, server-sent events, metrics, and an
 * OpenAPI document made of the same schemas that check what comes in.
 */
import swagger from '@fastify/swagger';
import { fastify, type FastifyInstance } from 'fastify';
import { FairleadError } from '../base/error.ts';
import { version } from '../base/version.ts';
import { problemOf } from '../model/problem.ts';
import { versionHeader } from '../model/resource.ts';
import type { ReadModel } from '../ports/read-model.ts';
import { Catalog } from './catalog.ts';
import { addGuard } from './guard.ts';
import { createMetrics } from './metrics.ts';
import { sendProblem } from './problems.ts';
import type { ToolNames } from './resources.ts';
import { addRoutes } from './routes.ts';
import { namedSchemas } from './schemas.ts';
import { Streams } from './streams.ts';

export interface StatusApiOptions {
  readonly readModel: ReadModel;
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** How the gateway names a service's tools. */
  readonly toolNames: ToolNames;
  /** Host names that may be asked for besides loopback and `host`. */
  readonly allowedHosts?: readonly string[];
  readonly maxRequests?: number;
  readonly maxStreams?: number;
  /** Time for a request's headers to arrive. */
  readonly headersTimeoutMs?: number;
}

export interface StatusApi {
  /** Throws PortTaken. */
  listen(): Promise<{ url: string }>;
  /** The OpenAPI 3.1 document. */
  openApi(): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

export function createStatusApi(options: StatusApiOptions): StatusApi {
  const headersTimeoutMs = options.headersTimeoutMs ?? 10_000;
  const app = fastify({
    logger: false,
    bodyLimit: 1,
    forceCloseConnections: true,
    requestTimeout: headersTimeoutMs * 2,
    http: { headersTimeout: headersTimeoutMs, connectionsCheckingInterval: Math.max(50, headersTimeoutMs / 5), maxHeaderSize: 16_384 },
    routerOptions: { maxParamLength: 200, ignoreTrailingSlash: true },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true } },
    frameworkErrors: (error, request, reply) => sendProblem(error, request, reply),
    clientErrorHandler: (error, socket) => {
      const slow = (error as NodeJS.ErrnoException).code === 'ERR_HTTP_REQUEST_TIMEOUT';
      const problem = problemOf(
        new FairleadError(slow ? 'RequestTooSlow' : 'Usage', slow ? 'The headers did not arrive in time.' : 'This is not HTTP.'),
        '',
      );
      const body = JSON.stringify(problem);
      if (socket.writable)
        socket.end(
          `HTTP/1.1 ${problem.status} ${problem.title}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
        );
    },
  });
  const catalog = new Catalog(options.readModel, options.toolNames);
  const streams = new Streams(options.maxStreams ?? 256);
  for (const schema of namedSchemas) app.addSchema(schema);
  // Answers are ours: they are written as they are, and tests hold them against the schemas.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler((thrown, request, reply) => sendProblem(thrown, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      new FairleadError('NotFound', 'There is no such route.', { data: { next: 'GET /api/v1/openapi.json lists every route' } }),
      request,
      reply,
    ),
  );
  addGuard(app, { allowedHosts: [...(options.allowedHosts ?? []), options.host], maxRequests: options.maxRequests ?? 512 });
  app.addHook('onSend', async (_request, reply) => {
    void reply.headers({
      [versionHeader]: version,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'content-security-policy': "default-src 'none'",
    });
  });
  void app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Fairlead status API',
        version,
        description: 'Reads only. Changes are commits to the source of manifests.',
      },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) => (typeof json['$id'] === 'string' ? json['$id'] : `def-${index}`),
    },
  });
  void app.register(async (routes) => {
    addRoutes(routes, catalog, streams);
    addSystemRoutes(routes, options.readModel);
  });
  return {
    listen: async () => {
      try {
        const url = await app.listen({ host: options.host, port: options.port });
        return { url };
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException;
        if (code !== 'EADDRINUSE' && code !== 'EACCES') throw cause;
        throw new FairleadError('PortTaken', `The status API cannot listen on ${options.host}:${options.port} (${code}).`, {
          cause,
          data: { next: 'stop what uses the port, or choose another with --status HOST:PORT' },
        });
      }
    },
    openApi: async () => {
      await app.ready();
      return app.swagger() as unknown as Record<string, unknown>;
    },
    close: async () => {
      streams.close();
      await app.close();
    },
  };
}

/** Probes, metrics, the document of itself, and an index for whoever opens the address in a browser. */
function addSystemRoutes(app: FastifyInstance, model: ReadModel): void {
  const hidden = { schema: { hide: true } };
  const metrics = createMetrics(model);
  app.get('/', hidden, (_request, reply) =>
    reply
      .type('text/plain; charset=utf-8')
      .send(
        [
          `Fairlead ${version}: status API, reads only.`,
          '',
          `MCP endpoint       ${model.about().gatewayUrl}/mcp`,
          'Services           /api/v1/services',
          'Overview           /api/v1/services/stats/overview',
          'Events             /api/v1/events',
          'All routes         /api/v1/openapi.json',
          'Metrics            /metrics',
          'Probes             /healthz /readyz',
          '',
        ].join('\n'),
      ),
  );
  app.get('/api/v1/openapi.json', hidden, () => app.swagger());
  app.get('/healthz', hidden, () => ({ ok: true, version }));
  app.get('/readyz', hidden, (_request, reply) => {
    const waits = [
      ...(model.about().hostConnected ? [] : ['the host is not connected']),
      ...model
        .sources()
        .flatMap(({ name, readAt, failure, suspended }) =>
          readAt === null && !suspended ? [`source ${name} has not been read${failure === null ? '' : `: ${failure}`}`] : [],
        ),
    ];
    return reply.code(waits.length === 0 ? 200 : 503).send({ ready: waits.length === 0, waits });
  });
  app.get('/metrics', hidden, async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
}
