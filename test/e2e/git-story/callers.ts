/** A few clients who call services without pause while these are changed, and hold every answer to account. */
import { Agent } from 'undici';
import { StatelessClient } from '../rollouts/stateless-client.ts';
import type { Stand } from '../stand.ts';

interface Echo {
  readonly service: string;
  readonly tag: string;
  readonly id: string;
}

/** Of one call: only what hangs takes so long. */
const timeoutMs = 60_000;

export class Callers {
  /** What went otherwise than a caller may expect, in words: no answer, an error of the protocol, an answer to somebody else. */
  readonly wrong: string[] = [];
  /** Calls that were answered, by `service tag`; and of those the ones whose answer was that the tool failed. */
  readonly answers = new Map<string, number>();
  readonly failures = new Map<string, number>();
  /** By service: which tag answered last, and how often without another in between. */
  readonly #rows = new Map<string, { readonly tag: string; readonly answers: number }>();
  readonly #agent = new Agent({ connections: 8 });
  readonly #calling: Promise<void[]>;
  #begun = 0;
  #stopping = false;
  #told = Promise.withResolvers<void>();

  /** So many of each service. */
  constructor(stand: Stand, services: readonly string[], each: number) {
    const gateway = stand.runFile()!.gatewayUrl!.replace(/\/(mcp)?$/, '');
    const clients = services.flatMap((service) =>
      Array.from({ length: each }, () => ({
        service,
        client: new StatelessClient(`${gateway}/services/${service}/mcp`, timeoutMs, this.#agent),
      })),
    );
    this.#calling = Promise.all(clients.map(async ({ service, client }) => this.#call(service, client)));
  }

  /** Resolves once that tag, and no other, has answered for the service so many times in a row from now on. */
  async untilAnswered(service: string, tag: string, timesInARow = 10): Promise<void> {
    this.#rows.set(service, { tag, answers: 0 });
    const late = AbortSignal.timeout(timeoutMs);
    for (let row = this.#rows.get(service)!; row.tag !== tag || row.answers < timesInARow; row = this.#rows.get(service)!) {
      if (late.aborted) throw new Error(`${service} is not answered by ${tag}: ${JSON.stringify([row, this.wrong])}`);
      await this.#told.promise;
    }
  }

  /** Ends when every call that had begun has. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#calling;
    if (!this.#agent.closed) await this.#agent.close();
  }

  async #call(service: string, client: StatelessClient): Promise<void> {
    while (!this.#stopping) {
      const id = `call-${(this.#begun += 1)}`;
      try {
        const { result, error } = await client.rpc('tools/call', { name: 'echo', arguments: { id, waitMs: 20 } });
        if (error === undefined) this.#take(service, id, result);
        else this.wrong.push(`${service} ${id}: ${JSON.stringify(error)}`);
      } catch (thrown) {
        this.wrong.push(`${service} ${id}: ${String(thrown)}`);
      }
      this.#told.resolve();
      this.#told = Promise.withResolvers();
    }
  }

  #take(service: string, id: string, result: unknown): void {
    const { content, isError } = result as { content: readonly { text: string }[]; isError?: boolean };
    const echo = JSON.parse(content[0]!.text) as Echo;
    if (echo.service !== service || echo.id !== id) this.wrong.push(`${service} ${id}: answered by ${JSON.stringify(echo)}`);
    const key = `${service} ${echo.tag}`;
    const counted = isError === true ? [this.answers, this.failures] : [this.answers];
    for (const counts of counted) counts.set(key, (counts.get(key) ?? 0) + 1);
    const row = this.#rows.get(service);
    this.#rows.set(service, { tag: echo.tag, answers: row?.tag === echo.tag ? row.answers + 1 : 1 });
  }
}
