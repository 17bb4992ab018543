/** What every request must pass before anything is read of it: method, Host, Origin, and room for one more. */
import type { FastifyInstance } from 'fastify';
import { FairleadError } from '../base/error.ts';

/** Probes are answered even when everything else is refused. */
const alwaysAnswered = new Set(['/healthz', '/readyz']);

export interface GuardOptions {
  /** Host names, without a port, that requests may name besides loopback and the address listened on. */
  readonly allowedHosts: readonly string[];
  /** Requests under way at once, streams among them. */
  readonly maxRequests: number;
}

export function addGuard(app: FastifyInstance, options: GuardOptions): void {
  const allowed = new Set(['localhost', '127.0.0.1', '[::1]', ...options.allowedHosts.map((host) => host.toLowerCase())]);
  const trusted = (authority: string): boolean => allowed.has(authority.toLowerCase().replace(/:\d+$/, ''));
  let underWay = 0;
  app.addHook('onRequest', async (request, reply) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      // The body, if there is one, is not read: the connection ends with the answer.
      void reply.header('connection', 'close');
      throw new FairleadError('ReadOnly', `${request.method} is not possible here: this API reads and changes nothing.`);
    }
    const origin = request.headers.origin;
    const originHost = origin === undefined ? null : URL.canParse(origin) ? new URL(origin).host : '';
    if (!trusted(request.headers.host ?? '') || (originHost !== null && !trusted(originHost)))
      throw new FairleadError('ForeignHost', 'This address is not asked by that name from there.');
    if (Number(request.headers['content-length'] ?? 0) > 0) void reply.header('connection', 'close');
    if (underWay >= options.maxRequests && !alwaysAnswered.has(request.url))
      throw new FairleadError('Overloaded', 'Too many requests at once.');
    underWay++;
    reply.raw.once('close', () => underWay--);
  });
}
