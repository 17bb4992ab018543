/** A Pipe over the standard streams of a process: one message a line, written only as fast as the process reads. */
import { onOneLine } from '../model/envelope.ts';
import type { LineChannel } from '../ports/runtime.ts';
import type { Pipe } from './pipe-session.ts';

interface Outgoing {
  readonly text: string;
  readonly onSent: (() => void) | undefined;
}

export function linePipe(channel: LineChannel, end: () => Promise<void>): Pipe {
  // Messages that wait for the process to read on; null: it keeps up.
  let waiting: Outgoing[] | null = null;
  let closed = false;
  const write = ({ text, onSent }: Outgoing): boolean => {
    onSent?.();
    return channel.write(onOneLine(text));
  };
  channel.onDrain(() => {
    if (closed) return;
    const queue = waiting ?? [];
    waiting = null;
    while (queue.length > 0) {
      if (write(queue.shift()!)) continue;
      waiting = queue;
      return;
    }
  });
  return {
    send(text, onSent) {
      if (closed) return () => undefined;
      const outgoing: Outgoing = { text, onSent };
      if (waiting === null) {
        if (!write(outgoing)) waiting = [];
        return () => undefined;
      }
      waiting.push(outgoing);
      return () => {
        const index = waiting?.indexOf(outgoing) ?? -1;
        if (index >= 0) waiting!.splice(index, 1);
      };
    },
    onMessage: (callback) => channel.onLine((line) => callback(line.toString('utf8'))),
    onClose: (callback) =>
      channel.onClose(() => {
        closed = true;
        callback('the process closed its output');
      }),
    async close() {
      closed = true;
      await end();
    },
  };
}
