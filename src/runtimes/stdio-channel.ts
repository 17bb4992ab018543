/**
 * The LineChannel of a process: its stdin and stdout. Nothing is read before somebody listens, so nothing is lost between
 * the start of the process and its first reader. A line beyond the limit is never held: the owner is told and reading ends.
 */
import type { Readable, Writable } from 'node:stream';
import { LineSplitter } from '../base/line-splitter.ts';
import type { LineChannel } from '../ports/runtime.ts';

const newline = Buffer.from('\n');

export class StdioChannel implements LineChannel {
  readonly #stdin: Writable;
  readonly #stdout: Readable;
  readonly #splitter: LineSplitter;
  readonly #onTooLong: () => void;
  readonly #closeCallbacks: (() => void)[] = [];
  #listening = false;
  #closed = false;

  constructor(stdin: Writable, stdout: Readable, maxMessageBytes: number, onTooLong: () => void) {
    this.#stdin = stdin;
    this.#stdout = stdout;
    this.#splitter = new LineSplitter(maxMessageBytes);
    this.#onTooLong = onTooLong;
    // A process that is gone breaks the pipe; that it is gone is told by `close`.
    stdin.on('error', () => {});
    stdout.on('error', () => {});
    stdout.once('close', () => this.#close());
  }

  write(line: string | Uint8Array): boolean {
    if (!this.#stdin.writable) return true;
    if (typeof line === 'string') return this.#stdin.write(`${line}\n`);
    this.#stdin.cork();
    this.#stdin.write(line);
    const more = this.#stdin.write(newline);
    this.#stdin.uncork();
    return more;
  }

  onDrain(callback: () => void): void {
    this.#stdin.on('drain', callback);
  }

  onLine(callback: (line: Buffer) => void): void {
    if (this.#listening) throw new Error('a channel has one listener');
    this.#listening = true;
    this.#stdout.on('data', (chunk: Buffer) => {
      if (this.#splitter.push(chunk, callback)) return;
      this.#stdout.destroy();
      this.#onTooLong();
    });
  }

  onClose(callback: () => void): void {
    if (this.#closed) callback();
    else this.#closeCallbacks.push(callback);
  }

  /** Tells the process that nothing more will come. */
  endInput(): void {
    this.#stdin.end();
  }

  /** Whether everything that the process wrote has been handed out. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Lets go of both ends. */
  destroy(): void {
    this.#stdin.destroy();
    this.#stdout.destroy();
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const callback of this.#closeCallbacks) callback();
  }
}
