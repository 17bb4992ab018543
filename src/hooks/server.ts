/**
 * Webhooks: `POST /hooks/<source>`, on a listener of their own. A delivery that proves itself makes its Source look at the
 * repository, and can do nothing else: nothing that it says is taken for true. What cannot be told apart from noise costs as
 * little as possible: the body is read last, and never more of it than a push can have.
 */
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { FairleadError } from '../base/error.ts';
import { problemOf } from '../model/problem.ts';
import type { Forge, GitRef } from '../model/source-settings.ts';
import type { Clock } from '../ports/clock.ts';
import { concerns, readHappening } from './push.ts';
import { deliveryId, SeenDeliveries } from './seen-deliveries.ts';
import { isSigned, isUnsigned } from './signature.ts';
import { Trigger } from './trigger.ts';

export interface Hook {
  readonly forge: Forge;
  readonly ref: GitRef;
  /** Asked anew for each delivery. Rejects when there is none. */
  readonly secret: () => Promise<string>;
  /** Makes the Source look now; resolves when it has. */
  readonly refresh: () => Promise<void>;
}

export interface HookServerOptions {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** By the name of the Source. */
  readonly hooks: ReadonlyMap<string, Hook>;
  readonly clock: Clock;
  /** Something failed, and deliveries or polls to come may do better: for the log. */
  readonly onProblem: (message: string, error: unknown) => void;
  /** Largest body that is read, in bytes; 1 MiB unless told otherwise. */
  readonly maxBodyBytes?: number;
  /** Deliveries that are read at once; 64 unless told otherwise. */
  readonly maxRequests?: number;
  /** Open connections, whatever comes over them; 256 unless told otherwise. More are closed at once. */
  readonly maxConnections?: number;
  /** Time for a request's headers to arrive. */
  readonly headersTimeoutMs?: number;
}

export interface HookServer {
  /** Throws PortTaken. */
  listen(): Promise<{ url: string }>;
  close(): Promise<void>;
}

/** What became of a delivery that was accepted. */
interface Answer {
  readonly status: 200 | 202;
  readonly done: 'refresh' | 'nothing';
  readonly because: string;
}

interface Kept {
  readonly hook: Hook;
  readonly seen: SeenDeliveries;
  readonly trigger: Trigger;
}

export function createHookServer(options: HookServerOptions): HookServer {
  const headersTimeoutMs = options.headersTimeoutMs ?? 10_000;
  const app = fastify({
    logger: false,
    bodyLimit: options.maxBodyBytes ?? 1_048_576,
    forceCloseConnections: true,
    requestTimeout: headersTimeoutMs * 2,
    http: { headersTimeout: headersTimeoutMs, connectionsCheckingInterval: Math.max(50, headersTimeoutMs / 5), maxHeaderSize: 16_384 },
    routerOptions: { maxParamLength: 100 },
    frameworkErrors: (error, request, reply) => sendProblem(error, request, reply, options.onProblem),
    clientErrorHandler: (error, socket) => {
      const slow = (error as NodeJS.ErrnoException).code === 'ERR_HTTP_REQUEST_TIMEOUT';
      if (socket.writable)
        socket.end(`HTTP/1.1 ${slow ? '408 Request Timeout' : '400 Bad Request'}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
    },
  });
  // The process has other things to open: no flood here takes all of its descriptors.
  app.server.maxConnections = options.maxConnections ?? 256;
  const kept = new Map(
    [...options.hooks].map(([name, hook]): [string, Kept] => {
      const failed = (error: unknown): void => options.onProblem(`A webhook could not make ${name} look at its repository`, error);
      return [name, { hook, seen: new SeenDeliveries(options.clock), trigger: new Trigger(hook.refresh, failed) }];
    }),
  );
  app.setErrorHandler((thrown, request, reply) => sendProblem(thrown, request, reply, options.onProblem));
  app.setNotFoundHandler((request, reply) => sendProblem(notFound(), request, reply, options.onProblem));
  // The signature is over the bytes, so nothing may read them before.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  addGuard(app, kept, options.maxRequests ?? 64);
  app.post<{ Params: { source: string } }>('/hooks/:source', async (request, reply) => {
    const { status, ...answer } = await accept(kept.get(request.params.source)!, request, options);
    return reply.code(status).send(answer);
  });
  return {
    listen: async () => {
      try {
        return { url: await app.listen({ host: options.host, port: options.port }) };
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException;
        if (code !== 'EADDRINUSE' && code !== 'EACCES') throw cause;
        throw new FairleadError('PortTaken', `Webhooks cannot be listened for on ${options.host}:${options.port} (${code}).`, {
          cause,
          data: { next: 'stop what uses the port, or choose another in webhooks.listen' },
        });
      }
    },
    close: async () => app.close(),
  };
}

/** What can be refused without reading a body is refused before any of it is read. */
function addGuard(app: FastifyInstance, kept: ReadonlyMap<string, Kept>, maxRequests: number): void {
  let underWay = 0;
  app.addHook('onRequest', async (request, reply) => {
    const name = /^\/hooks\/([a-z0-9-]+)$/.exec(request.url.split('?')[0]!)?.[1];
    if (name === undefined) throw notFound();
    if (request.method !== 'POST') throw new FairleadError('PostOnly', `${request.method} is not possible here.`);
    const known = kept.get(name);
    if (known === undefined) throw notFound();
    if (isUnsigned(known.hook.forge, request.headers)) throw unsigned();
    if (underWay >= maxRequests) throw new FairleadError('Overloaded', 'Too many deliveries at once.');
    underWay++;
    reply.raw.once('close', () => underWay--);
  });
}

/** Throws SignatureRefused, SecretUnavailable, and Usage for a body that is not a payload. */
async function accept({ hook, seen, trigger }: Kept, request: FastifyRequest, { clock }: HookServerOptions): Promise<Answer> {
  const { headers } = request;
  const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
  const secret = await hook.secret().catch((cause: unknown) => {
    throw new FairleadError('SecretUnavailable', 'Deliveries cannot be verified now.', { cause });
  });
  if (!isSigned(hook.forge, secret, { headers, body, receivedAt: clock.now() })) throw unsigned();
  if (!seen.take(deliveryId(headers, body))) return { status: 202, done: 'nothing', because: 'this delivery was taken before' };
  let happening;
  try {
    happening = readHappening(hook.forge, headers, body);
  } catch (cause) {
    throw new FairleadError('Usage', 'The body is not JSON.', { cause, data: { next: 'let the forge send application/json' } });
  }
  if (happening.kind === 'ping') return { status: 200, done: 'nothing', because: 'ping' };
  if (happening.kind === 'other') return { status: 202, done: 'nothing', because: 'no push' };
  if (!concerns(hook.ref, happening.ref)) return { status: 202, done: 'nothing', because: 'another ref is followed' };
  trigger.pull();
  return { status: 202, done: 'refresh', because: 'push' };
}

function sendProblem(thrown: unknown, request: FastifyRequest, reply: FastifyReply, onProblem: HookServerOptions['onProblem']): void {
  const problem = problemOf(asFairleadError(thrown), request.url.split('?')[0]!);
  if (problem.code === 'Internal' || problem.code === 'SecretUnavailable') onProblem('A delivery could not be taken', thrown);
  if (problem.code === 'PostOnly') reply.header('allow', 'POST');
  if (problem.status === 503) reply.header('retry-after', '1');
  // What was not read of the body is not to be waited for.
  void reply.header('connection', 'close').header('cache-control', 'no-store').code(problem.status);
  void reply.type('application/problem+json; charset=utf-8').send(problem);
}

function asFairleadError(thrown: unknown): FairleadError {
  if (thrown instanceof FairleadError) return thrown;
  const { statusCode, message } = thrown as { statusCode?: number; message?: string };
  if (statusCode === 413) return new FairleadError('BodyTooLarge', 'No push comes in a body of this size.', { cause: thrown });
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new FairleadError('Usage', message ?? 'The request is not right.', { cause: thrown });
  return new FairleadError('Internal', 'The delivery could not be taken because of a defect.', { cause: thrown });
}

function notFound(): FairleadError {
  return new FairleadError('NotFound', 'There is no such hook.', {
    data: { next: 'deliveries go to /hooks/<source>, for each of webhooks.sources' },
  });
}

function unsigned(): FairleadError {
  return new FairleadError('SignatureRefused', 'The delivery does not prove who sent it.');
}
