/** What the gateway counts: traffic by Revision since the start, usage by tool and day since it was last taken. */
import { latencyBoundsMs, type TrafficCounters } from '../model/observation.ts';
import type { UsageDay } from '../ports/store.ts';

export type CallOutcome = 'ok' | 'tool-error' | 'protocol-error';

/** Revisions of one service that are remembered though they may no longer be called. */
const maxPastRevisions = 10;
/** Tools of one service and day beyond this many are counted together as `*`: the names come from clients. */
const maxToolsPerDay = 5_000;

interface Counts {
  calls: number;
  protocolErrors: number;
  toolErrors: number;
  latencyBuckets: number[];
  latencySumMs: number;
}

export class Counters {
  readonly #byRevision = new Map<string, Counts>();

  count(revision: string, outcome: CallOutcome, latencyMs: number): void {
    let counts = this.#byRevision.get(revision);
    if (counts === undefined) {
      counts = {
        calls: 0,
        protocolErrors: 0,
        toolErrors: 0,
        latencyBuckets: Array.from({ length: latencyBoundsMs.length + 1 }, () => 0),
        latencySumMs: 0,
      };
      this.#byRevision.set(revision, counts);
    }
    counts.calls++;
    if (outcome === 'protocol-error') counts.protocolErrors++;
    if (outcome === 'tool-error') counts.toolErrors++;
    const bucket = latencyBoundsMs.findIndex((bound) => latencyMs <= bound);
    const index = bucket < 0 ? latencyBoundsMs.length : bucket;
    counts.latencyBuckets[index] = (counts.latencyBuckets[index] ?? 0) + 1;
    counts.latencySumMs += latencyMs;
  }

  /** Lets go of the oldest Revisions that are not `present`. */
  forgetPast(present: ReadonlySet<string>): void {
    const past = [...this.#byRevision.keys()].filter((revision) => !present.has(revision));
    for (const revision of past.slice(0, -maxPastRevisions)) this.#byRevision.delete(revision);
  }

  snapshot(): Record<string, TrafficCounters> {
    const out: Record<string, TrafficCounters> = {};
    for (const [revision, counts] of this.#byRevision) out[revision] = { ...counts, latencyBuckets: [...counts.latencyBuckets] };
    return out;
  }
}

interface UsageCounts {
  calls: number;
  errors: number;
  latencySumMs: number;
}

export class Usage {
  #days = new Map<string, Map<string, UsageCounts>>();

  /** `at`: milliseconds since the epoch. */
  count(service: string, tool: string, at: number, failed: boolean, latencyMs: number): void {
    const key = `${service} ${new Date(at).toISOString().slice(0, 10)}`;
    let tools = this.#days.get(key);
    if (tools === undefined) this.#days.set(key, (tools = new Map()));
    const name = tools.has(tool) || tools.size < maxToolsPerDay ? tool : '*';
    let counts = tools.get(name);
    if (counts === undefined) tools.set(name, (counts = { calls: 0, errors: 0, latencySumMs: 0 }));
    counts.calls++;
    if (failed) counts.errors++;
    counts.latencySumMs += latencyMs;
  }

  /** Counts since the last take. */
  take(): UsageDay[] {
    const taken: UsageDay[] = [];
    for (const [key, tools] of this.#days) {
      const [service = '', day = ''] = key.split(' ');
      for (const [tool, counts] of tools) taken.push({ service, tool, day, ...counts });
    }
    this.#days = new Map();
    return taken;
  }
}
