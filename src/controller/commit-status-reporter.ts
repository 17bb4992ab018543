/**
 * Tells a forge what its commits have come to. It sends only what differs from what it sent last, one after the other,
 * always of the newest facts, and asks again as long as the forge does not take it. What is to be said is stored before it is
 * sent: whoever goes on after a crash knows of every status that may be pending there.
 */
import { FairleadError, messageOf } from '../base/error.ts';
import type { Clock } from '../ports/clock.ts';
import type { Forge } from '../ports/forge.ts';
import type { Store } from '../ports/store.ts';
import { commitStatuses, isOpen, type CommitSaid, type Said, type SourceFacts, type StatusHistory } from './commit-status.ts';

export interface ReporterParts {
  readonly source: string;
  readonly forge: Forge;
  readonly store: Pick<Store, 'setting' | 'saveSetting'>;
  /** Of the controller that writes. */
  readonly epoch: number;
  readonly clock: Clock;
  /** A page about a Service, or about the Source (null); null where there is none. */
  readonly targetUrl: (service: string | null) => string | null;
  /** The forge does not take it. Told once for each reason; it is tried again unless it was refused. */
  readonly onProblem: (message: string, error: unknown) => void;
}

/** Of a commit that touches more Services than this only those that fail are told one by one: forges limit what may be written. */
const mostServices = 50;
/** Beyond these a commit is forgotten once it has ended and the forge has been told. */
const mostCommits = 50;
/** Beyond these it is forgotten whatever became of it: a forge that takes nothing for years must not fill the store. */
const mostRemembered = 1_000;
const firstWaitMs = 5_000;
const longestWaitMs = 300_000;

interface Remembered {
  readonly history: StatusHistory;
  /** Commit → context → what the forge took last. */
  readonly sent: Record<string, Record<string, Said>>;
}

export class CommitStatusReporter {
  readonly #parts: ReporterParts;
  #remembered: Remembered | null = null;
  #facts: SourceFacts | null = null;
  #fresh = false;
  #working: Promise<void> | null = null;
  #waitMs = firstWaitMs;
  /** Calls the next attempt off; null when none waits for its time. */
  #cancelRetry: (() => void) | null = null;
  #problem = '';
  #closed = false;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  /** Takes in how things stand now; cheap to call after every pass. */
  report(facts: SourceFacts): void {
    this.#facts = facts;
    this.#fresh = true;
    this.#begin();
  }

  /** Resolves once nothing is under way; what the forge did not take waits for its time. */
  async idle(): Promise<void> {
    while (this.#working !== null) await this.#working;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    await this.idle();
  }

  #begin(): void {
    if (this.#working !== null || this.#cancelRetry !== null || this.#closed) return;
    this.#working = this.#work()
      .catch((thrown: unknown) => this.#later(thrown))
      .finally(() => {
        this.#working = null;
        if (this.#fresh) this.#begin();
      });
  }

  async #work(): Promise<void> {
    if (this.#facts === null) return;
    this.#remembered ??= await this.#load();
    this.#fresh = false;
    const history = commitStatuses(this.#facts, this.#remembered.history);
    const sent = Object.fromEntries(history.map(({ commit }) => [commit, this.#remembered!.sent[commit] ?? {}]));
    if (JSON.stringify(history) !== JSON.stringify(this.#remembered.history)) await this.#save({ history, sent });
    try {
      for (const said of history) await this.#sendAll(said, sent[said.commit]!);
    } finally {
      await this.#save(withoutOld({ history, sent }, this.#parts.source));
    }
    this.#waitMs = firstWaitMs;
    this.#problem = '';
  }

  async #sendAll(said: CommitSaid, sent: Record<string, Said>): Promise<void> {
    for (const [service, status] of statusesOf(said, sent, this.#parts.source)) {
      // Newer facts are told instead of what has become old meanwhile.
      if (this.#fresh || this.#closed) return;
      await this.#send(said.commit, service, status);
      sent[contextOf(this.#parts.source, service)] = status;
    }
  }

  async #send(commit: string, service: string | null, { state, description }: Said): Promise<void> {
    const { forge, source, targetUrl, onProblem } = this.#parts;
    try {
      await forge.setStatus({ commit, context: contextOf(source, service), state, description, targetUrl: targetUrl(service) });
    } catch (thrown) {
      if (!isFinal(thrown)) throw thrown;
      onProblem(`The status of commit ${commit.slice(0, 12)} was not taken.`, thrown);
    }
  }

  /** Tries again by itself: after what the forge asked for, or longer and longer. */
  #later(thrown: unknown): void {
    if (this.#closed) return;
    const asked = thrown instanceof FairleadError ? thrown.data['retryAfterMs'] : undefined;
    const waitMs = typeof asked === 'number' ? asked : this.#waitMs;
    this.#waitMs = Math.min(this.#waitMs * 2, longestWaitMs);
    if (this.#problem !== messageOf(thrown)) this.#parts.onProblem('Commit statuses could not be told; they are tried again.', thrown);
    this.#problem = messageOf(thrown);
    this.#cancelRetry = this.#parts.clock.after(waitMs, () => {
      this.#cancelRetry = null;
      this.#begin();
    });
  }

  get #key(): string {
    return `commit-status/${this.#parts.source}`;
  }

  async #load(): Promise<Remembered> {
    const text = await this.#parts.store.setting(this.#key);
    return text === null ? { history: [], sent: {} } : (JSON.parse(text) as Remembered);
  }

  async #save(remembered: Remembered): Promise<void> {
    this.#remembered = remembered;
    await this.#parts.store.saveSetting(this.#parts.epoch, this.#key, JSON.stringify(remembered));
  }
}

/**
 * The forge has no such commit, or will never take this status: asking again would ask for ever. That it knows no such
 * repository is not final: forges say so of a token that may not see it, too.
 */
function isFinal(thrown: unknown): boolean {
  if (!(thrown instanceof FairleadError)) return false;
  return thrown.code === 'ForgeRefused' || (thrown.code === 'ForgeNotFound' && /commit not found/i.test(thrown.message));
}

function contextOf(source: string, service: string | null): string {
  return service === null ? `fairlead/${source}` : `fairlead/${source}/${service}`;
}

function withoutOld({ history, sent }: Remembered, source: string): Remembered {
  const kept = history
    .slice(-mostRemembered)
    .filter(
      (said, index, { length }) => index >= length - mostCommits || isOpen(said) || statusesOf(said, sent[said.commit]!, source).length > 0,
    );
  return { history: kept, sent: Object.fromEntries(kept.map(({ commit }) => [commit, sent[commit]!])) };
}

/** What differs from what was sent: the Services first, then the whole, so that the whole is never ahead of them. */
function statusesOf({ whole, services }: CommitSaid, sent: Readonly<Record<string, Said>>, source: string): [string | null, Said][] {
  const few = Object.keys(services).length <= mostServices;
  const all: [string | null, Said][] = [...Object.entries(services), [null, whole]];
  return all.filter(([service, said]) => {
    const before = sent[contextOf(source, service)];
    if (before?.state === said.state && before.description === said.description) return false;
    return few || service === null || said.state === 'failure' || before !== undefined;
  });
}
