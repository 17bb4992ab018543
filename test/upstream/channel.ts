/** A child process as a LineChannel, and a LineChannel without a process: for tests of what is above the runtimes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { LineChannel, RunningInstance } from '../../src/ports/runtime.ts';
import type { ClientFacts, Envelope, SessionListener } from '../../src/ports/upstream.ts';

export const everything = 'node_modules/@modelcontextprotocol/server-everything/dist/index.js';
export const hostile = 'test/fixtures/hostile/server.ts';

export interface Spawned {
  readonly child: ChildProcess;
  readonly channel: LineChannel;
  readonly stop: () => Promise<void>;
}

export function spawnServer(args: readonly string[], env: Record<string, string> = {}): Spawned {
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore'], env: { PATH: process.env['PATH'], ...env } });
  child.stdin.on('error', () => undefined);
  const exited = once(child, 'exit');
  const channel: LineChannel = {
    write: (line) => child.stdin.write(`${String(line)}\n`),
    onDrain: (callback) => void child.stdin.on('drain', callback),
    onLine: (callback) => void createInterface({ input: child.stdout }).on('line', (line) => callback(Buffer.from(line))),
    onClose: (callback) => void child.once('close', callback),
  };
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  };
  return { child, channel, stop };
}

/** Spawned as a runtime would hand it out. */
export function runningInstance(spawned: Spawned): RunningInstance {
  return {
    pid: spawned.child.pid ?? null,
    port: null,
    endpoint: { kind: 'stdio', channel: spawned.channel },
    ended: new Promise(() => undefined),
    stderrTail: () => '',
    stop: spawned.stop,
  };
}

/** A channel whose other end is the test. */
export class FakeChannel implements LineChannel {
  readonly written: string[] = [];
  full = false;
  #line: (line: Buffer) => void = () => undefined;
  #close: () => void = () => undefined;
  #drain: () => void = () => undefined;
  #onWrite: (message: Record<string, unknown>) => void = () => undefined;

  write(line: string | Uint8Array): boolean {
    this.written.push(String(line));
    const message = JSON.parse(String(line)) as Record<string, unknown>;
    queueMicrotask(() => this.#onWrite(message));
    return !this.full;
  }
  onLine(callback: (line: Buffer) => void): void {
    this.#line = callback;
  }
  onClose(callback: () => void): void {
    this.#close = callback;
  }
  onDrain(callback: () => void): void {
    this.#drain = callback;
  }
  /** What the service does with each message written to it. */
  serve(handler: (message: Record<string, unknown>) => void): void {
    this.#onWrite = handler;
  }
  say(line: unknown): void {
    this.#line(Buffer.from(typeof line === 'string' ? line : JSON.stringify(line)));
  }
  end(): void {
    this.#close();
  }
  drained(): void {
    this.full = false;
    this.#drain();
  }
}

export function request(method: string, params?: unknown, id: string = '"caller-1"'): Envelope {
  const text = `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)}${params === undefined ? '' : `,"params":${JSON.stringify(params)}`}}`;
  return { kind: 'request', id, method, isError: false, text };
}

export function client(capabilities: Record<string, unknown> = {}, protocolVersion = '2025-11-25'): ClientFacts {
  return { clientInfo: { name: 'test-client', version: '1.2.3' }, capabilities, protocolVersion };
}

/** A listener that keeps what it hears. */
export class Heard implements SessionListener {
  readonly notifications: Envelope[] = [];
  readonly requests: Envelope[] = [];
  closedWith: string | null = null;
  answer: (message: Envelope) => string = (message) => `{"jsonrpc":"2.0","id":${message.id},"result":{}}`;
  notification(message: Envelope): void {
    this.notifications.push(message);
  }
  async request(message: Envelope): Promise<string> {
    this.requests.push(message);
    return this.answer(message);
  }
  closed(reason: string): void {
    this.closedWith = reason;
  }
}

/** Looks again every 10 ms until it holds; fails after `withinMs`. */
export async function until(holds: () => boolean, withinMs = 60_000): Promise<void> {
  const deadlineAt = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > deadlineAt) throw new Error(`did not come to hold within ${withinMs} ms: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The error's code, and what it rejected with must be a FairleadError. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'no error';
}
