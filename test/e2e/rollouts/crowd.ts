/**
 * Fifty clients in both protocol eras that call every service without pause: for each service each has one call under way at
 * any time. Half of each era call at the service's own endpoint, half at the one for all. Every call ends in the ledger.
 */
import { Agent } from 'undici';
import { LeanClient, type Response } from '../load.ts';
import { pause } from '../stand.ts';
import type { Era, Ledger, Way } from './ledger.ts';
import { StatelessClient } from './stateless-client.ts';

/** Longest that one call may take: callTimeout of the services and some for the machine. */
const callDeadlineMs = 150_000;
/** How long a call takes at the service, in ms: spread, so that calls are in flight whenever something moves. */
const waitMs = { least: 300, spread: 500 } as const;

type Client = LeanClient | StatelessClient;

/** A client that is opened when it is needed and again when it broke. */
class Line {
  readonly #agent: Agent;
  readonly #open: (agent: Agent) => Promise<Client>;
  #client: Promise<Client> | null = null;

  /** `open` makes a client over the agent's connections. */
  constructor(connections: number, open: (agent: Agent) => Promise<Client>) {
    this.#agent = new Agent({ connections, headersTimeout: callDeadlineMs, bodyTimeout: callDeadlineMs });
    this.#open = open;
  }

  get(): Promise<Client> {
    this.#client ??= this.#open(this.#agent);
    return this.#client;
  }

  drop(): void {
    this.#client = null;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

export class Crowd {
  readonly #ledger: Ledger;
  readonly #base: string;
  readonly #services: readonly string[];
  readonly #run: string;
  #stopping = false;
  #loops: Promise<void>[] = [];
  #lines: Line[] = [];

  /** `base`: the gateway's address. `run` must differ between crowds against the same services. */
  constructor(run: string, ledger: Ledger, base: string, services: readonly string[]) {
    this.#run = run;
    this.#ledger = ledger;
    this.#base = base;
    this.#services = services;
  }

  /** What the id of a call of this crowd begins with in the services' logs; its token follows. */
  get prefix(): string {
    return `${this.#run}/`;
  }

  start(callers: number): void {
    for (let caller = 0; caller < callers; caller += 1) {
      const era: Era = caller % 2 === 0 ? 'session' : 'stateless';
      const forAll = caller % 4 < 2 ? this.#line(era, `${this.#base}/mcp`, this.#services.length) : null;
      for (const service of this.#services) {
        const line = forAll ?? this.#line(era, `${this.#base}/services/${service}/mcp`, 2);
        const tool = forAll === null ? 'echo' : `${service}__echo`;
        this.#loops.push(this.#loop({ caller, era, service }, line, tool));
      }
    }
  }

  /** Ends when every call that had begun has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#loops);
    await Promise.all(this.#lines.map((line) => line.close()));
  }

  #line(era: Era, url: string, connections: number): Line {
    const line = new Line(connections, async (agent) => {
      if (era === 'stateless') return new StatelessClient(url, callDeadlineMs, agent);
      const client = new LeanClient(url, callDeadlineMs, agent);
      await client.open();
      return client;
    });
    this.#lines.push(line);
    return line;
  }

  async #loop(way: Way, line: Line, tool: string): Promise<void> {
    while (!this.#stopping) {
      const token = this.#ledger.begin();
      try {
        const client = await line.get();
        await this.#call(client, way, tool, token);
      } catch (error) {
        this.#ledger.lost.push(`${textOf(way, token)}: ${String(error)}`);
        line.drop();
        await pause(100);
      }
    }
  }

  async #call(client: Client, way: Way, tool: string, token: number): Promise<void> {
    const id = `${this.prefix}${token}`;
    const text = `text of ${id}`;
    const beganAt = Date.now();
    const args = { id, text, waitMs: waitMs.least + ((token * 7) % waitMs.spread) };
    const { result, error } = await client.rpc('tools/call', { name: tool, arguments: args });
    const endedAt = Date.now();
    if (error !== undefined) {
      const said = `${textOf(way, token)}: ${JSON.stringify(error)}`;
      if (error.data?.retryable === true) this.#ledger.interruptions.push({ way, beganAt, endedAt, text: said });
      else this.#ledger.lost.push(said);
      return;
    }
    const echo = echoOf(result);
    if (echo === null) this.#ledger.lost.push(`${textOf(way, token)}: ${JSON.stringify(result)}`);
    else if (echo.id !== id || echo.text !== text || echo.service !== way.service)
      this.#ledger.misrouted.push(`${textOf(way, token)} was answered by ${JSON.stringify(echo)}`);
    else this.#ledger.answers.push({ way, token, tag: echo.tag, isError: echo.isError, beganAt, endedAt });
  }
}

function textOf({ caller, era, service }: Way, token: number): string {
  return `call ${token} of ${era} client ${caller} to ${service}`;
}

interface Echo {
  readonly service: string;
  readonly tag: string;
  readonly id: string;
  readonly text: string;
  readonly isError: boolean;
}

/** Who answered, and what; null for anything but an answer of an echo service. */
export function echoOf(result: Response['result']): Echo | null {
  const { content, isError = false } = (result ?? {}) as { content?: { text?: string }[]; isError?: boolean };
  try {
    return { ...(JSON.parse(content?.[0]?.text ?? '') as Omit<Echo, 'isError'>), isError };
  } catch {
    return null;
  }
}
