/** The same calls for people with curl: `POST /api/v1/services/<name>/call {tool, args}` and `GET /api/v1/tools`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorCodes } from '../base/error-codes.ts';
import { FairleadError, messageOf } from '../base/error.ts';
import { requestOf } from '../model/jsonrpc.ts';
import type { Catalog } from './catalog.ts';
import type { Forwarder } from './forward.ts';
import { HttpError, readBodyText } from './http.ts';
import { rawAt } from './message.ts';
import type { ServiceScope } from './service-scope.ts';

export interface RestOptions {
  readonly forwarder: Forwarder;
  readonly catalog: Catalog;
  readonly maxBodyBytes: number;
}

/** `GET /api/v1/tools`: every tool that `/mcp` lists, with the service it is of. */
export function listTools(catalog: Catalog, response: ServerResponse): void {
  const tools = catalog
    .tools()
    .map(
      ({ text, entry: { backend, own } }) => `{"service":${JSON.stringify(backend.service)},"tool":${JSON.stringify(own)},"as":${text}}`,
    );
  send(response, 200, 'application/json', `{"tools":[${tools.join(',')}]}`);
}

/** Answers with the tool's result object as the service said it; errors are problem documents with their code. */
export async function callTool(
  scope: ServiceScope,
  options: RestOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const controller = new AbortController();
  response.once('close', () => controller.abort());
  try {
    const { tool, args } = readCall(await readBodyText(request, options.maxBodyBytes));
    const own = scope.backend.exposure.ownName(tool);
    if (own === null) throw new FairleadError('NotFound', `service ${scope.service} has no tool ${tool}`);
    const text = await options.forwarder.forward({
      backend: scope.backend,
      caller: scope.anonymous,
      message: requestOf('tools/call', { name: own, arguments: args }),
      tool: own,
      signal: controller.signal,
    });
    const result = rawAt(text, ['result']);
    if (result !== null) return send(response, 200, 'application/json', result);
    const error = JSON.parse(rawAt(text, ['error']) ?? '{}') as { code?: number; message?: string };
    problem(response, 422, 'CallRefused', `the service refused the call: ${error.message} (${error.code})`, { rpc: error });
  } catch (thrown) {
    if (thrown instanceof HttpError) return problem(response, thrown.status, 'BadRequest', thrown.message);
    if (!(thrown instanceof FairleadError)) return problem(response, 500, 'Internal', messageOf(thrown));
    const { status, retry } = errorCodes[thrown.code];
    problem(response, status, thrown.code, thrown.message, { retryable: retry !== 'never', service: scope.service });
  }
}

function readCall(text: string): { tool: string; args: Record<string, unknown> } {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new HttpError(400, 'the body is not valid JSON');
  }
  const { tool, args = {} } = (body ?? {}) as { tool?: unknown; args?: unknown };
  if (typeof tool !== 'string' || args === null || typeof args !== 'object' || Array.isArray(args)) {
    throw new HttpError(400, 'expected {"tool": "name", "args": {…}}');
  }
  return { tool, args: args as Record<string, unknown> };
}

/** An RFC 9457 problem document. */
export function problem(response: ServerResponse, status: number, code: string, detail: string, more: Record<string, unknown> = {}): void {
  send(response, status, 'application/problem+json', JSON.stringify({ type: 'about:blank', title: code, status, detail, code, ...more }));
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
