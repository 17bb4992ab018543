/**
 * The Instances of one Service as the gateway knows them, with the calls and client sessions at each.
 *
 * Invariant: a Member is one Instance with one Upstream; the Instance with another Upstream is another Member.
 */
import type { Duty, Plan } from '../model/plan.ts';
import type { GatewayInstance } from '../ports/gateway.ts';

/** An Instance with what the gateway keeps about it. */
export interface Member {
  instance: GatewayInstance;
  duty: Duty;
  inFlight: number;
  /** Client sessions bound to it. */
  sessions: number;
  /** Its process is known to be gone; the Plan that says so is on its way. */
  lost: boolean;
}

export class Members {
  readonly #byId = new Map<string, Member>();
  readonly #onIdle: (instanceId: string) => void;

  /** `onIdle`: called when an Instance has neither calls nor sessions any more that keep it from ending. */
  constructor(onIdle: (instanceId: string) => void) {
    this.#onIdle = onIdle;
  }

  all(): IterableIterator<Member> {
    return this.#byId.values();
  }

  has(member: Member): boolean {
    return this.#byId.get(member.instance.id) === member;
  }

  /** Takes in who is there. Returns the members that are gone. */
  take(plan: Plan, instances: readonly GatewayInstance[]): Member[] {
    const duties = new Map(plan.instances.map((planned) => [planned.id, planned.duty]));
    const present = new Map(instances.map((instance) => [instance.id, instance]));
    const gone = [...this.#byId.values()].filter(({ instance }) => present.get(instance.id)?.upstream !== instance.upstream);
    this.#drop(gone);
    for (const instance of instances) {
      // An Instance that the Plan does not name is being stopped.
      const duty = duties.get(instance.id) ?? 'drain';
      const known = this.#byId.get(instance.id);
      if (known === undefined) this.#byId.set(instance.id, { instance, duty, inFlight: 0, sessions: 0, lost: false });
      else Object.assign(known, { instance, duty });
    }
    return gone;
  }

  /** The Service is forgotten. Returns all members: they are gone. */
  clear(): Member[] {
    const gone = [...this.#byId.values()];
    this.#drop(gone);
    return gone;
  }

  #drop(gone: readonly Member[]): void {
    for (const member of gone) {
      member.lost = true;
      this.#byId.delete(member.instance.id);
    }
  }

  begin(member: Member): void {
    member.inFlight++;
  }

  end(member: Member): void {
    member.inFlight--;
    this.#idle(member);
  }

  bind(member: Member): void {
    member.sessions++;
  }

  unbind(member: Member): void {
    member.sessions--;
    this.#idle(member);
  }

  #idle(member: Member): void {
    if (member.inFlight === 0 && (member.sessions === 0 || member.duty === 'drain')) this.#onIdle(member.instance.id);
  }
}
