/** Server-sent events: Events from a Last-Event-ID on, and changes of services. A reader that does not read is cut off. */
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { FairleadError, messageOf } from '../base/error.ts';
import type { Event } from '../model/event.ts';
import type { EventQuery } from '../ports/store.ts';
import type { Catalog } from './catalog.ts';
import { eventResource } from './resources.ts';
import { selectServices, type ServiceFilter } from './selection.ts';

const heartbeatMs = 15_000;
const maxBufferedBytes = 1_048_576;
/** Changes of one service within this time are told once. */
const debounceMs = 50;

export class Streams {
  private readonly open = new Set<ServerResponse>();
  private readonly maxStreams: number;

  constructor(maxStreams: number) {
    this.maxStreams = maxStreams;
  }

  /** Events after `Last-Event-ID` (or the newest `limit`), then each new one. A gap is told as `event: gap`. */
  async events(catalog: Catalog, request: FastifyRequest, reply: FastifyReply, query: EventQuery): Promise<void> {
    const stream = this.begin(request, reply);
    const waiting: Event[] = [];
    let last = query.after ?? -1;
    let caughtUp = false;
    const tell = (event: Event): void => {
      if (event.seq <= last || (query.service !== undefined && event.service !== query.service)) return;
      last = event.seq;
      stream.send('event', eventResource(event), String(event.seq));
    };
    stream.onEnd(catalog.model.onEvent((event) => (caughtUp ? tell(event) : void waiting.push(event))));
    const newest = (await catalog.model.events({ limit: 1 }))[0]?.seq ?? 0;
    if (last > newest) {
      // It counted the Events of another database: one that was restored since has fewer.
      stream.send('gap', { after: last, before: newest + 1 });
      last = newest;
    }
    const past = query.after === undefined && (query.limit ?? 0) === 0 ? [] : await catalog.model.events(query);
    if (query.after !== undefined && query.service === undefined && past[0] !== undefined && past[0].seq > query.after + 1)
      stream.send('gap', { after: query.after, before: past[0].seq });
    for (const event of [...past, ...waiting]) tell(event);
    caughtUp = true;
  }

  /** `open` at once, then `change` with the resource or `removed` with the name. */
  services(catalog: Catalog, request: FastifyRequest, reply: FastifyReply, filter: ServiceFilter): void {
    const stream = this.begin(request, reply);
    const changed = new Set<string>();
    let timer: NodeJS.Timeout | null = null;
    const flush = async (): Promise<void> => {
      timer = null;
      const names = [...changed];
      changed.clear();
      for (const name of names) {
        const view = catalog.model.service(name);
        if (view === null) stream.send('removed', { name });
        else if (selectServices([view], filter).length > 0) stream.send('change', await catalog.service(view));
      }
    };
    stream.onEnd(
      catalog.model.onChange((name) => {
        changed.add(name);
        timer ??= setTimeout(() => {
          flush().catch((thrown: unknown) => stream.fail(thrown));
        }, debounceMs);
      }),
    );
    stream.onEnd(() => timer !== null && clearTimeout(timer));
    stream.send('open', { observedCommit: catalog.commit() });
  }

  close(): void {
    for (const response of this.open) response.destroy();
  }

  private begin(request: FastifyRequest, reply: FastifyReply) {
    if (this.open.size >= this.maxStreams)
      throw new FairleadError('Overloaded', `${this.maxStreams} streams are open, and no more can be.`);
    reply.hijack();
    const response = reply.raw;
    const ends: (() => unknown)[] = [];
    this.open.add(response);
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    const write = (text: string): void => {
      if (!response.destroyed) response.write(text);
      if (response.writableLength > maxBufferedBytes) response.destroy();
    };
    write(': fairlead\n\n');
    const heartbeat = setInterval(() => write(': still here\n\n'), heartbeatMs);
    response.once('close', () => {
      clearInterval(heartbeat);
      this.open.delete(response);
      for (const end of ends) end();
    });
    return {
      send: (event: string, data: unknown, id?: string) =>
        write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
      onEnd: (end: () => unknown) => void (response.destroyed ? end() : ends.push(end)),
      fail: (thrown: unknown) => {
        request.log.error({ err: messageOf(thrown) }, 'a stream failed');
        response.destroy();
      },
    };
  }
}
