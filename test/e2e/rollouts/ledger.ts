/**
 * What was done to the services and what their clients met, as it happened: the material that audit.ts judges. All instants
 * are wall-clock ms, as those of Fairlead's own records, on the same machine.
 */
import type { RolloutStatus } from '../../../src/model/resource.ts';
import type { Mode, Part } from './cast.ts';

/** One declared change of a service, and what became of it. */
export interface Change {
  readonly part: Part;
  readonly tag: string;
  readonly mode: Mode;
  /** The tag of stable when it was declared. */
  readonly stableTag: string;
  readonly declaredAt: number;
  /** The last look at which the target had not been given everything yet. */
  stillSharedAt: number;
  /** An Instance of the target was killed while the Rollout was under way. */
  targetKilled: boolean;
  /** How its Rollout ended; null until then. */
  verdict: RolloutStatus | null;
}

export interface Kill {
  readonly service: string;
  readonly at: number;
}

/** A time without a controller. */
export interface Outage {
  readonly from: number;
  to: number;
}

export type Era = 'session' | 'stateless';

/** The way of one client session to one service (its calls come one after the other), or one client without session. */
export interface Way {
  readonly caller: number;
  readonly era: Era;
  readonly service: string;
}

/** A call that was answered by the service itself. */
export interface Answer {
  readonly way: Way;
  /** Number of the call, unique in the run. */
  readonly token: number;
  /** Of the Revision that answered. */
  readonly tag: string;
  /** The answer says that the call failed. */
  readonly isError: boolean;
  readonly beganAt: number;
  readonly endedAt: number;
}

/** A call that ended in an error which says that trying again is right. */
export interface Interruption {
  readonly way: Way;
  readonly beganAt: number;
  readonly endedAt: number;
  readonly text: string;
}

/** Median ms from the start of a service's process to the end of its handshake in a storm where nobody else uses the machine. */
const usualStartMs = 500;

export class Ledger {
  readonly changes: Change[] = [];
  readonly kills: Kill[] = [];
  readonly outages: Outage[] = [];
  readonly answers: Answer[] = [];
  readonly interruptions: Interruption[] = [];
  /** Calls without an answer, or with an error that does not say what to do; answers to another call. In words. */
  readonly lost: string[] = [];
  readonly misrouted: string[] = [];
  /** By Instance: ms from the start of its process until it had answered the handshake. */
  readonly starts = new Map<string, number>();
  #calls = 0;

  get calls(): number {
    return this.#calls;
  }

  /** How many times as long as usual services took to start in this run, which is how busy the machine was; at least 1. */
  get slowness(): number {
    const starts = [...this.starts.values()].toSorted((a, b) => a - b);
    return Math.max(1, (starts[Math.floor(starts.length / 2)] ?? 0) / usualStartMs);
  }

  /** The token of a call that begins now. */
  begin(): number {
    return this.#calls++;
  }

  changesOf(service: string): Change[] {
    return this.changes.filter(({ part }) => part.spec.name === service);
  }
}
