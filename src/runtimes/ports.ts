/**
 * TCP ports for services: free ones for `port: auto`, and who holds one that is taken. Ports are picked below the range that
 * the system takes from for outgoing connections, so that none of those sits on one between the choice and its use; a port
 * that was handed out is not handed out again until it is given back.
 */
import { connect, createServer } from 'node:net';
import { listenersOn, nameOf } from './proc.ts';

const firstPort = 20_000;
const lastPort = 31_999;

export class Ports {
  readonly #taken = new Set<number>();
  #next: number;

  /** `seed`: where to begin, so that several Hosts on a machine seldom try the same one. */
  constructor(seed: number) {
    this.#next = firstPort + (Math.abs(seed) % (lastPort - firstPort + 1));
  }

  /** A port that nothing listens on, kept from others until `release`; null when all are taken. */
  async take(): Promise<number | null> {
    for (let tries = 0; tries <= lastPort - firstPort; tries++) {
      const port = this.#next;
      this.#next = port === lastPort ? firstPort : port + 1;
      if (this.#taken.has(port)) continue;
      this.#taken.add(port);
      if (await isFree(port)) return port;
      this.#taken.delete(port);
    }
    return null;
  }

  release(port: number): void {
    this.#taken.delete(port);
  }
}

/** Whether nothing listens on a port of the loopback interface (or of all). */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** `node (pid 4711)`, or words for somebody who cannot be named. */
export async function holderOf(port: number): Promise<string> {
  const holder = (await listenersOn(port))?.pids[0];
  return holder === undefined ? 'another process' : `${(await nameOf(holder)) ?? 'a process'} (pid ${holder})`;
}

/** Whether something accepts connections there. */
export function accepts(host: string, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}
