/**
 * Calls that are made a second time at the Revision that the Route's shadow names, once the client has its answer: what came
 * of them is compared and thrown away.
 *
 * Invariants: a client never waits for a mirrored call and never sees one; at most 8 are under way; they are made in the gateway's
 * own name, in one session of its own, which promises no client features and ends with the shadow; they count in no usage, no
 * traffic and no load.
 */
import { FairleadError } from '../base/error.ts';
import { fits } from '../base/pattern.ts';
import type { ShadowDifference, ShadowReport } from '../model/observation.ts';
import type { Plan, Shadow } from '../model/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { Envelope, SessionListener, UpstreamSession } from '../ports/upstream.ts';
import { errorText } from '../model/jsonrpc.ts';
import { firstDifference } from './difference.ts';
import type { Member, Members } from './members.ts';
import { rawAt } from './message.ts';
import { ownFacts } from './own-name.ts';
import { Points } from './shares.ts';

const maxUnderWay = 8;
const maxExamples = 10;

/** A call that a client made, with its answer. */
export interface Answered {
  /** tools/call under the service's own name of the tool. */
  readonly message: Envelope;
  readonly tool: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Who answered it. */
  readonly member: Member;
  readonly text: string;
}

/** The session with the target's Instance. */
interface Line {
  readonly member: Member;
  readonly session: Promise<UpstreamSession>;
}

interface Tally {
  readonly revision: string;
  calls: number;
  same: number;
  different: number;
  failed: number;
  skipped: number;
  examples: readonly ShadowDifference[];
}

/** Named by the manifest: as it is, or by a pattern, which does not stand for a tool that says of itself that it destroys something. */
function isSafe({ tools }: Shadow, { tool, member }: Answered): boolean {
  if (tools.includes(tool)) return true;
  if (!tools.some((pattern) => fits(pattern, tool))) return false;
  const known = member.instance.contract.tools.find(({ name }) => name === tool);
  return (known?.annotations as { destructiveHint?: unknown } | undefined)?.destructiveHint !== true;
}

export class Mirror {
  readonly #members: Members;
  readonly #clock: Clock;
  readonly #points = new Points();
  #shadow: Shadow | null = null;
  #timeoutMs = 0;
  #tally: Tally | null = null;
  #line: Line | null = null;
  #underWay = 0;

  constructor(members: Members, clock: Clock) {
    this.#members = members;
    this.#clock = clock;
  }

  /** Takes in a Plan, once `members` have. */
  apply(plan: Plan): void {
    const shadow = plan.route?.shadow ?? null;
    const begins = this.#shadow === null;
    this.#shadow = shadow;
    this.#timeoutMs = plan.limits.callTimeoutMs;
    if (this.#line !== null && (shadow?.revision !== this.#line.member.instance.revision || !callable(this.#line.member))) this.#hangUp();
    if (shadow !== null && (begins || this.#tally?.revision !== shadow.revision)) {
      this.#tally = { revision: shadow.revision, calls: 0, same: 0, different: 0, failed: 0, skipped: 0, examples: [] };
    }
  }

  report(): ShadowReport | null {
    return this.#tally === null ? null : { ...this.#tally };
  }

  /** Called with every answer to a tools/call; returns at once. */
  heard(call: Answered): void {
    const [shadow, tally] = [this.#shadow, this.#tally];
    if (shadow === null || tally === null || call.member.instance.revision === shadow.revision) return;
    if (!isSafe(shadow, call) || isOneRoundOfMore(call)) return;
    if (this.#points.next() * 100 >= shadow.percent) return;
    if (this.#underWay >= maxUnderWay) {
      tally.skipped++;
      return;
    }
    this.#underWay++;
    // The answer goes on its way to the client first.
    this.#clock.after(0, () => void this.#mirror(call, tally).finally(() => this.#underWay--));
  }

  /** Mirrors nothing more. */
  end(): void {
    this.#shadow = null;
    this.#hangUp();
  }

  /** The session ends, and what is under way in it. */
  #hangUp(): void {
    const line = this.#line;
    this.#line = null;
    line?.session.then((session) => session.close()).catch(() => undefined);
  }

  async #mirror(call: Answered, tally: Tally): Promise<void> {
    if (this.#shadow?.revision !== tally.revision) return;
    try {
      const difference = firstDifference(call.text, await this.#ask(call));
      count(tally, difference === null ? 'same' : 'different');
      if (difference === null) return;
      const example = { tool: call.tool, ...difference, at: this.#clock.now() };
      tally.examples = [example, ...tally.examples].slice(0, maxExamples);
    } catch {
      // When the shadow ended meanwhile it is not the target that failed.
      if (this.#shadow?.revision === tally.revision) count(tally, 'failed');
    }
  }

  async #ask({ message, tool, headers }: Answered): Promise<string> {
    const line = this.#opened();
    if (line === null) throw new Error('the target has no instance that may be called');
    const params = `{"name":${JSON.stringify(tool)},"arguments":${rawAt(message.text, ['params', 'arguments']) ?? '{}'}}`;
    const text = `{"jsonrpc":"2.0","id":0,"method":"tools/call","params":${params}}`;
    try {
      const session = await line.session;
      return await session.request({ ...message, id: '0', text }, { timeoutMs: this.#timeoutMs, headers });
    } catch (thrown) {
      // One that is only slow keeps its session; whatever else it was, the next call begins with another.
      const slow = thrown instanceof FairleadError && thrown.code === 'CallTimedOut';
      if (!slow && this.#line === line) this.#hangUp();
      throw thrown;
    }
  }

  #opened(): Line | null {
    if (this.#line !== null) return this.#line;
    const member = [...this.#members.all()].find((each) => each.instance.revision === this.#shadow?.revision && callable(each));
    if (member === undefined) return null;
    const line: Line = {
      member,
      session: member.instance.upstream.openSession(
        ownFacts,
        deaf(() => this.#over(line)),
      ),
    };
    this.#line = line;
    return line;
  }

  #over(line: Line): void {
    if (this.#line === line) this.#line = null;
  }
}

function callable(member: Member): boolean {
  return !member.lost && member.duty === 'serve';
}

/** Service and client are still talking about what the call needs: half a conversation cannot be had a second time. */
function isOneRoundOfMore({ message, text }: Answered): boolean {
  return rawAt(message.text, ['params', 'inputResponses']) !== null || rawAt(text, ['result', 'resultType']) === '"input_required"';
}

function count(tally: Tally, outcome: 'same' | 'different' | 'failed'): void {
  tally.calls++;
  tally[outcome]++;
}

/** Listens to nothing and answers no question. */
function deaf(closed: () => void): SessionListener {
  return {
    notification: () => undefined,
    request: async (message) => errorText(message.id, -32_601, 'this client cannot be asked anything'),
    closed,
  };
}
