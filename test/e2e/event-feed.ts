/** Events of a Fairlead as its status API tells them, as they come. What has been told stays, so that nothing that was waited for too late is missed. */
import { ApiClient } from '../../src/cli/client.ts';
import type { EventResource } from '../../src/model/resource.ts';

export interface Told {
  readonly reason: string;
  readonly message: string;
  readonly service: string | null;
  /** Name of the Revision, where it is of one. */
  readonly revision: string | null;
  /** The commit, where it is of one. */
  readonly commit: string;
  /** Ms since the epoch, as the controller has it. */
  readonly at: number;
  /** When it was told, on the clock of `performance.now()`. */
  readonly toldAt: number;
}

export class EventFeed {
  readonly told: Told[] = [];
  readonly #ending = new AbortController();
  readonly #reading: Promise<void>;
  #wake = Promise.withResolvers<void>();

  /** All that is remembered, then each new one, from the status API at that address. */
  constructor(statusUrl: string) {
    this.#reading = this.#read(new ApiClient(statusUrl));
  }

  /** The first one from that index of `told` on which is as wanted; rejects after `timeoutMs` with what was told instead. */
  async next(what: string, wanted: (event: Told) => boolean, from = 0, timeoutMs = 120_000): Promise<Told> {
    const late = AbortSignal.timeout(timeoutMs);
    const lateness = new Promise<void>((resolve) => late.addEventListener('abort', () => resolve()));
    for (let index = from; ; index += 1) {
      while (index === this.told.length) {
        await Promise.race([this.#wake.promise, lateness]);
        if (late.aborted) throw new Error(`waited in vain for ${what}\n${this.words(from)}`);
      }
      if (wanted(this.told[index]!)) return this.told[index]!;
    }
  }

  /** A line an event, from that index on. */
  words(from = 0): string {
    return this.told
      .slice(from)
      .map(({ service, reason, message }) => `${service ?? '-'} ${reason}: ${message}`)
      .join('\n');
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#reading;
  }

  async #read(api: ApiClient): Promise<void> {
    for await (const { event, data } of api.stream('/api/v1/events?limit=1000', this.#ending.signal)) {
      if (event !== 'event') continue;
      const { spec, metadata, observedCommit } = JSON.parse(data) as EventResource;
      const { reason, message, revision } = spec;
      const at = Date.parse(spec.at);
      this.told.push({ reason, message, service: metadata.service, revision, commit: observedCommit, at, toldAt: performance.now() });
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    }
  }
}
