/** Messages over a socket, one JSON value a line. Whatever is no message ends the connection: the other end begins anew. */
import type { Socket } from 'node:net';
import { LineSplitter } from '../base/line-splitter.ts';
import { messageOf } from '../base/error.ts';
import { maxMessageBytes } from './messages.ts';

/** A `write` that leaves more than this waiting in the socket says so. */
const highWaterBytes = 1 << 20;

export class MessageStream<Incoming, Outgoing> {
  readonly #socket: Socket;
  #reason = 'the other end closed the connection';
  #closed = false;

  /** `onMessage` may be called until `onClose` is, which is called once. */
  constructor(socket: Socket, onMessage: (message: Incoming) => void, onClose: (reason: string) => void) {
    this.#socket = socket;
    const splitter = new LineSplitter(maxMessageBytes);
    const take = (line: Buffer): void => {
      if (this.#closed) return;
      try {
        onMessage(JSON.parse(line.toString('utf8')) as Incoming);
      } catch (thrown) {
        this.cut(`a message could not be taken in: ${messageOf(thrown)}`);
      }
    };
    socket.on('data', (chunk: Buffer) => {
      if (!splitter.push(chunk, take)) this.cut('a message was too large');
    });
    socket.on('error', (error) => (this.#reason = error.message));
    socket.on('end', () => socket.end());
    socket.once('close', () => {
      this.#closed = true;
      onClose(this.#reason);
    });
  }

  /** False: enough waits to be read by the other end; `onDrain` tells when to go on. */
  send(message: Outgoing): boolean {
    if (this.#closed || !this.#socket.writable) return true;
    this.#socket.write(`${JSON.stringify(message)}\n`);
    return this.#socket.writableLength < highWaterBytes;
  }

  onDrain(callback: () => void): void {
    this.#socket.on('drain', callback);
  }

  /** Ends the connection at once: nothing that came is taken in any more. */
  cut(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reason = reason;
    this.#socket.destroy();
  }

  /** Sends a last message, then ends the connection. Nothing that comes is taken in any more. */
  part(message: Outgoing, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reason = reason;
    this.#socket.end(`${JSON.stringify(message)}\n`, () => this.#socket.destroy());
  }
}
