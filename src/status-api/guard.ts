/** What every request must pass before anything is read of it: method, Host, Origin, and room for one more. */
import type { FastifyInstance } from 'fastify';
import { hostOf, namesThisPlace } from '../base/authority.ts';
import { FairleadError } from '../base/error.ts';

/** Probes are answered even when everything else is refused. */
const alwaysAnswered = new Set(['/healthz', '/readyz']);

export interface GuardOptions {
  /** Host names, without a port, that requests may name beside addresses and `localhost`. */
  readonly allowedHosts: readonly string[];
  /** Requests under way at once, streams among them. */
  readonly maxRequests: number;
}

export function addGuard(app: FastifyInstance, options: GuardOptions): void {
  const names = new Set(options.allowedHosts.map((host) => host.toLowerCase()));
  // A page may come from this machine, or from a name that is allowed; unlike Host, an address in Origin says nothing for it.
  const origins = new Set(['localhost', '127.0.0.1', '::1', ...names]);
  let underWay = 0;
  app.addHook('onRequest', async (request, reply) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      // The body, if there is one, is not read: the connection ends with the answer.
      void reply.header('connection', 'close');
      throw new FairleadError('ReadOnly', `${request.method} is not possible here: this API reads and changes nothing.`);
    }
    const origin = request.headers.origin;
    const originHost = origin === undefined ? null : URL.canParse(origin) ? new URL(origin).host : '';
    if (!namesThisPlace(request.headers.host ?? '', names) || (originHost !== null && !origins.has(hostOf(originHost) ?? '')))
      throw new FairleadError('ForeignHost', 'This address is not asked by that name from there.');
    if (Number(request.headers['content-length'] ?? 0) > 0) void reply.header('connection', 'close');
    if (underWay >= options.maxRequests && !alwaysAnswered.has(request.url))
      throw new FairleadError('Overloaded', 'Too many requests at once.');
    underWay++;
    reply.raw.once('close', () => underWay--);
  });
}
