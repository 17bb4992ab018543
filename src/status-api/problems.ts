/** Errors as RFC 9457 problem documents. Only FairleadErrors show their words; anything else is a defect and says no more than that. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { FairleadError } from '../base/error.ts';
import { problemOf } from '../model/problem.ts';

export function sendProblem(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(asFairleadError(thrown), request.url.split('?')[0]!);
  if (problem.code === 'Internal') request.log.error({ err: thrown }, 'a request failed');
  if (problem.code === 'ReadOnly') reply.header('allow', 'GET, HEAD');
  if (problem.status === 503) reply.header('retry-after', '1');
  void reply.code(problem.status).type('application/problem+json; charset=utf-8').send(problem);
}

function asFairleadError(thrown: unknown): FairleadError {
  if (thrown instanceof FairleadError) return thrown;
  const { validation, validationContext, statusCode, message } = thrown as {
    validation?: { instancePath?: string; message?: string; params?: Record<string, unknown> }[];
    validationContext?: string;
    statusCode?: number;
    message?: string;
  };
  if (validation !== undefined) {
    const [first] = validation;
    const extra = first?.params?.['additionalProperty'];
    const place = typeof extra === 'string' ? extra : (first?.instancePath ?? '').replace(/^\//, '');
    const words = typeof extra === 'string' ? 'is not a parameter of this route' : (first?.message ?? 'is not right');
    return new FairleadError('Usage', `${validationContext ?? 'query'} parameter ${JSON.stringify(place.slice(0, 80))} ${words}.`, {
      data: { next: 'GET /api/v1/openapi.json lists the parameters of every route' },
    });
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new FairleadError('Usage', message ?? 'The request is not right.', { cause: thrown });
  return new FairleadError('Internal', 'The request could not be answered because of a defect.', { cause: thrown });
}
