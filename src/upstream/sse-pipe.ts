/**
 * A Pipe over HTTP+SSE of 2024-11-05: an event stream whose first event names the address that messages are posted to.
 * That address must be of the same origin: a service must not send its callers, and their credentials, elsewhere.
 */
import { FairleadError } from '../base/error.ts';
import { exchange, type HttpEndpoint } from './http-exchange.ts';
import type { Pipe } from './pipe-session.ts';
import { refusalError } from './refusal.ts';

/** Opens the stream and waits for its address. Throws ConnectFailed, HandshakeFailed, HandshakeTimeout. */
export function openSsePipe(endpoint: HttpEndpoint, url: URL, timeoutMs: number): Promise<Pipe> {
  return new Promise((resolve, reject) => {
    const posts = new Set<() => void>();
    let onMessage: ((text: string) => void) | null = null;
    let onClose: ((reason: string) => void) | null = null;
    const early: string[] = [];
    let closed = false;
    let stopStream = (): void => undefined;
    const close = (reason: string): void => {
      if (closed) return;
      closed = true;
      clearTimeout(timer);
      for (const stop of posts) stop();
      stopStream();
      onClose?.(reason);
    };
    const refuse = (error: FairleadError): void => {
      reject(error);
      close(error.message);
    };
    const timer = setTimeout(() => refuse(new FairleadError('HandshakeTimeout', `no event stream within ${timeoutMs} ms`)), timeoutMs);

    const post = (path: string, text: string): (() => void) => {
      const done = (): void => void posts.delete(stop);
      const failed = (reason: string): void => {
        done();
        close(reason);
      };
      const stop = exchange(
        { ...endpoint, path },
        { method: 'POST', headers: { 'content-type': 'application/json' }, body: text },
        {
          message: () => undefined,
          // 202 carries no message; anything but a success means that the session is gone.
          refused: (head) => (head.status < 300 ? done() : failed(refusalError('a message', head).message)),
          failed: (error) => failed(error.message),
          ended: done,
        },
      );
      posts.add(stop);
      return stop;
    };

    const connected = (address: string): void => {
      const target = URL.parse(address, url.href);
      if (target === null || target.origin !== url.origin) {
        refuse(new FairleadError('HandshakeFailed', 'the event stream names an address of another origin to post to'));
        return;
      }
      clearTimeout(timer);
      const path = target.pathname + target.search;
      resolve({
        send(text, onSent) {
          if (closed) return () => undefined;
          onSent?.();
          post(path, text);
          return () => undefined;
        },
        onMessage(callback) {
          onMessage = callback;
          for (const text of early.splice(0)) callback(text);
        },
        onClose(callback) {
          onClose = callback;
          if (closed) callback('the event stream ended');
        },
        async close() {
          close('the session was closed');
        },
      });
    };

    let hasAddress = false;
    stopStream = exchange(
      endpoint,
      { method: 'GET', headers: { accept: 'text/event-stream' } },
      {
        message(text, event) {
          if (event === 'endpoint' && !hasAddress) {
            hasAddress = true;
            connected(text);
          } else if (event === null || event === 'message') {
            if (onMessage === null) early.push(text);
            else onMessage(text);
          }
        },
        refused: (head) => refuse(new FairleadError('HandshakeFailed', refusalError('the event stream', head).message)),
        failed: (error) =>
          refuse(error.code === 'UpstreamLost' ? new FairleadError('HandshakeFailed', error.message, { cause: error }) : error),
        ended: () => refuse(new FairleadError('HandshakeFailed', 'the event stream ended')),
      },
    );
  });
}
