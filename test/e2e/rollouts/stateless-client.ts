/** A lean MCP client of the stateless protocol (2026-07-28): no session, each call whole in itself. */
import { request, type Agent } from 'undici';
import { metaKeys, statelessVersion } from '../../../src/model/stateless-era.ts';
import { messagesOf, type Response } from '../load.ts';

const meta = {
  [metaKeys.protocolVersion]: statelessVersion,
  [metaKeys.clientInfo]: { name: 'fairlead-load', version: '1' },
  [metaKeys.clientCapabilities]: {},
};

export class StatelessClient {
  readonly #agent: Agent;
  readonly #url: string;
  readonly #timeoutMs: number;
  #nextId = 1;

  constructor(url: string, timeoutMs: number, agent: Agent) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
    this.#agent = agent;
  }

  /** The JSON-RPC response; rejects with a connection error or a time-out. */
  async rpc(method: string, params: { readonly name: string; readonly arguments: object }): Promise<Response> {
    const id = this.#nextId;
    this.#nextId += 1;
    const response = await request(this.#url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': statelessVersion,
        'mcp-method': method,
        'mcp-name': params.name,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta: meta } }),
      dispatcher: this.#agent,
      signal: AbortSignal.timeout(this.#timeoutMs),
    });
    const text = await response.body.text();
    const found = messagesOf(String(response.headers['content-type'] ?? ''), text).find((message) => message.id === id);
    if (found === undefined) throw new Error(`HTTP ${response.statusCode} without an answer to ${method} ${id}: ${text.slice(0, 200)}`);
    return found;
  }
}
