/**
 * The preview route of one Service: the Revision that may be looked at before anything else reaches it, served like the Service
 * itself, with counters, line and waiting of its own. One Preview is of one Revision; another Revision gets another.
 *
 * Invariants: what goes this way counts in no traffic and no usage. When the Plan no longer names the Revision nothing new is
 * taken; calls that have begun get their answers.
 */
import { FairleadError } from '../base/error.ts';
import type { Plan } from '../model/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { Envelope, RequestOptions, UpstreamSession } from '../ports/upstream.ts';
import { Backend } from './backend.ts';
import { Caller, deafSink, type Line } from './caller.ts';
import type { Forwarder } from './forward.ts';
import type { Member, Members } from './members.ts';
import { textAt } from './message.ts';
import { ownFacts } from './own-name.ts';
import { ServiceScope } from './service-scope.ts';

/** In whose name the Host's checks are made. */
const checkFacts = { ...ownFacts, protocolVersion: '2025-11-25' };

export class Preview {
  readonly revision: string;
  readonly scope: ServiceScope;
  readonly #backend: Backend;
  readonly #forwarder: Forwarder;
  readonly #clock: Clock;
  #checks: { readonly caller: Caller; readonly session: Promise<UpstreamSession> } | null = null;

  constructor(plan: Plan, revision: string, members: Members, forwarder: Forwarder, clock: Clock) {
    this.revision = revision;
    this.#forwarder = forwarder;
    this.#clock = clock;
    this.#backend = new Backend(previewPlan(plan, revision), members, clock, 'preview');
    this.scope = new ServiceScope(this.#backend, forwarder, `/services/${plan.service}/preview/mcp of ${revision}`);
  }

  apply(plan: Plan): void {
    this.#backend.apply(previewPlan(plan, this.revision));
  }

  forgetMember(member: Member): void {
    this.scope.anonymous.forgetMember(this.#backend, member);
    this.#checks?.caller.forgetMember(this.#backend, member);
  }

  /** The one session for checks, opened when there is none. Tools go by the service's own names there, also hidden ones. */
  session(): Promise<UpstreamSession> {
    if (this.#checks !== null) return this.#checks.session;
    const caller = new Caller(`preview-${this.#backend.service}`, checkFacts, deafSink);
    const over = (): void => {
      if (this.#checks?.caller === caller) this.#checks = null;
      caller.retire();
    };
    const session = this.#open(caller, over);
    this.#checks = { caller, session };
    session.catch(over);
    return session;
  }

  async #open(caller: Caller, over: () => void): Promise<UpstreamSession> {
    const { session } = await this.#forwarder.connect(this.#backend, caller);
    return {
      facts: session.facts,
      shared: false,
      request: (message, options) => this.#request(caller, message, options),
      notify: async (message) => {
        await Promise.all(caller.lines().map((line: Line) => line.session.notify(message)));
      },
      close: async () => over(),
    };
  }

  async #request(caller: Caller, message: Envelope, options: RequestOptions): Promise<string> {
    const controller = new AbortController();
    const cancel = (): void => controller.abort();
    if (options.signal?.aborted === true) cancel();
    options.signal?.addEventListener('abort', cancel, { once: true });
    let late = false;
    const tooLate = (): void => {
      late = true;
      cancel();
    };
    const callOff = options.timeoutMs === Infinity ? (): void => undefined : this.#clock.after(options.timeoutMs, tooLate);
    try {
      return await this.#forwarder.forward({
        backend: this.#backend,
        caller,
        message,
        tool: message.method === 'tools/call' ? textAt(message.text, ['params', 'name']) : null,
        signal: controller.signal,
        ...(options.onNotification === undefined ? {} : { onNotification: options.onNotification }),
      });
    } catch (thrown) {
      if (!late) throw thrown;
      throw new FairleadError('CallTimedOut', `no answer on the preview route within ${options.timeoutMs} ms`, { cause: thrown });
    } finally {
      callOff();
      options.signal?.removeEventListener('abort', cancel);
    }
  }

  /** The Plan names this preview no more. */
  end(): void {
    this.#backend.forget();
    this.scope.close();
    this.#checks?.caller.retire();
    this.#checks = null;
  }
}

/** The Plan with all calls at one Revision, whatever the Route holds back from the others. What stable's drift put into quarantine is free here. */
function previewPlan(plan: Plan, revision: string): Plan {
  return { ...plan, quarantine: [], route: { weights: { [revision]: 100 }, hold: false, rollout: null, preview: null, shadow: null } };
}
