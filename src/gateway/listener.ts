/**
 * The gateway's HTTP server: who may speak (Host, Origin), how much (body, headers, connections), and to which endpoint.
 * Refusals cost as little as can be: nothing of a body is read before they are made.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { namesThisPlace } from '../base/authority.ts';
import type { Clock } from '../ports/clock.ts';
import { errorText } from '../model/jsonrpc.ts';
import { HttpError, header, sendEmpty, sendJson } from './http.ts';
import { rpc } from './message.ts';

export interface ListenerLimits {
  /** Requests answered at a time; over it 503, while health still answers. */
  readonly maxRequests: number;
  readonly maxConnections: number;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
}

export interface ListenerOptions {
  readonly limits: ListenerLimits;
  /** Host names that clients may call the gateway by, beside addresses, `localhost` and the one listened on. */
  readonly allowedHosts: readonly string[];
  /** Origins (`https://example.com`) beyond loopback ones that browsers may call from. */
  readonly allowedOrigins: readonly string[];
  /** Answers one request; `path` is decoded and holds no dot segments. */
  readonly handle: (path: readonly string[], request: IncomingMessage, response: ServerResponse) => Promise<void>;
  readonly healthy: () => boolean;
}

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #names: Set<string>;
  #underWay = 0;
  #draining = false;
  #onQuiet: (() => void) | null = null;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#names = new Set(options.allowedHosts.map((name) => name.toLowerCase()));
    const { headersTimeoutMs, bodyTimeoutMs } = options.limits;
    this.#server = createServer(
      {
        headersTimeout: headersTimeoutMs,
        requestTimeout: bodyTimeoutMs,
        connectionsCheckingInterval: Math.max(100, Math.min(1_000, headersTimeoutMs / 2)),
        keepAliveTimeout: 65_000,
        noDelay: true,
      },
      (request, response) => this.#request(request, response),
    );
    // Some above the limit, so that a flood of connections still gets its 503 and health its answer.
    this.#server.maxConnections = options.limits.maxConnections;
  }

  async listen(host: string, port: number): Promise<{ url: string }> {
    this.#names.add(host.toLowerCase());
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: 1_024 }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const address = this.#server.address() as AddressInfo;
    const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return { url: `http://${shown}:${address.port}` };
  }

  /** Refuses what comes from now on; what is under way goes on. */
  drain(): void {
    this.#draining = true;
  }

  /** Waits at most `flushMs` for answers that are being written, then cuts what is left. */
  async close(clock: Clock, flushMs: number): Promise<void> {
    this.#draining = true;
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      const cut = (): void => {
        callOff();
        this.#server.closeAllConnections();
      };
      const callOff = clock.after(flushMs, cut);
      this.#onQuiet = cut;
      this.#server.close(() => resolve());
      if (this.#underWay === 0) cut();
    });
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const path = pathOf(request.url ?? '/');
    if (path?.length === 1 && path[0] === 'healthz') return this.#health(request, response);
    const refusal = this.#refusal(request, path);
    if (refusal !== null) {
      // The body is not wanted; without this the connection would have to read it all to be used again.
      return sendJson(response, refusal.status, errorText(null, refusal.code, refusal.message), refusal.headers);
    }
    this.#underWay++;
    response.once('close', () => {
      if (--this.#underWay === 0) this.#onQuiet?.();
    });
    this.#options.handle(path!, request, response).catch((thrown: unknown) => {
      const status = thrown instanceof HttpError ? thrown.status : 500;
      const message = thrown instanceof HttpError ? thrown.message : 'internal error';
      if (response.headersSent) response.destroy();
      else sendJson(response, status, errorText(null, status === 500 ? rpc.internal : -32_000, message), { connection: 'close' });
    });
  }

  #refusal(
    request: IncomingMessage,
    path: readonly string[] | null,
  ): { status: number; code: number; message: string; headers: Record<string, string> } | null {
    const close = { connection: 'close' };
    const { allowedOrigins, limits } = this.#options;
    if (!namesThisPlace(header(request, 'host') ?? '', this.#names)) {
      return { status: 403, code: -32_000, message: 'Forbidden: this Host is not served here', headers: close };
    }
    if (!originAllowed(header(request, 'origin'), allowedOrigins)) {
      return { status: 403, code: -32_000, message: 'Forbidden: this Origin may not call the gateway', headers: close };
    }
    if (path === null) return { status: 404, code: -32_000, message: 'Not found', headers: close };
    if (this.#draining || this.#underWay >= limits.maxRequests) {
      return { status: 503, code: -32_010, message: 'the gateway takes no more requests now', headers: { ...close, 'retry-after': '1' } };
    }
    return null;
  }

  #health(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'GET' && request.method !== 'HEAD') return sendEmpty(response, 405, { allow: 'GET, HEAD' });
    const ok = this.#options.healthy() && !this.#draining;
    sendJson(response, ok ? 200 : 503, JSON.stringify({ status: ok ? 'ok' : 'draining' }));
  }
}

/** Path segments, decoded; null for what no client of good will sends (dot segments, encoded slashes, bad encoding). */
export function pathOf(url: string): string[] | null {
  const query = url.indexOf('?');
  const raw = query < 0 ? url : url.slice(0, query);
  if (!raw.startsWith('/')) return null;
  const segments: string[] = [];
  for (const part of raw.slice(1).split('/')) {
    let segment: string;
    try {
      segment = part.includes('%') ? decodeURIComponent(part) : part;
    } catch {
      return null;
    }
    if (segment === '.' || segment === '..' || /[/\\\0%]/.test(segment)) return null;
    segments.push(segment);
  }
  if (segments.length > 1 && segments.at(-1) === '') segments.pop();
  return segments;
}

function originAllowed(origin: string | null, allowed: readonly string[]): boolean {
  if (origin === null) return true;
  try {
    return loopbackNames.has(new URL(origin).hostname) || allowed.includes(origin);
  } catch {
    return false;
  }
}
