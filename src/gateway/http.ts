/** Small things of HTTP that every edge needs. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Thrown while a request is read; answered with its status. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'HttpError';
    this.status = status;
  }
}

export function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
}

/** A client that takes no event stream gets the answer alone, as JSON. */
export function acceptsOnlyJson(request: IncomingMessage): boolean {
  const accept = header(request, 'accept');
  return accept !== null && !accept.includes('text/event-stream') && !accept.includes('*/*');
}

export function sendJson(response: ServerResponse, status: number, text: string, headers: Readonly<Record<string, string>> = {}): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers });
  response.end(text);
}

export function sendEmpty(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'content-length': 0, ...headers });
  response.end();
}

/**
 * The whole body as text. Throws HttpError 413 before reading when its declared length is too large, and as soon as it is
 * when none was declared; 400 when it is not UTF-8 or the client went away.
 */
export function readBodyText(request: IncomingMessage, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const tooLarge = (): void => reject(new HttpError(413, `the body is larger than ${maxBytes} bytes`));
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) return tooLarge();
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) {
        request.pause();
        return tooLarge();
      }
      chunks.push(chunk);
    });
    request.on('end', () => {
      try {
        resolve(decoder.decode(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size)));
      } catch {
        reject(new HttpError(400, 'the body is not UTF-8'));
      }
    });
    request.on('error', () => reject(new HttpError(400, 'the body could not be read')));
    request.on('close', () => reject(new HttpError(400, 'the client went away')));
  });
}

const decoder = new TextDecoder('utf-8', { fatal: true });
