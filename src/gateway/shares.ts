/**
 * Which Revision a session or a request goes to, by the weights of the Route. Pure.
 *
 * Each session has a fixed point on a circle of length 1, so has each request of a client without session; the weights cut
 * the circle into one arc for each Revision, in the order of their hashes. A boundary that moves passes each point once, so
 * a session moves once and only forwards while the weight of a Rollout's target grows.
 *
 * Points are not drawn by chance: the nth is the fractional part of n/φ (the additive recurrence of Weyl with the golden ratio).
 * Of n points in a row the share on an arc differs from its length by O(log n / n) wherever one begins to count (Kuipers and
 * Niederreiter, Uniform Distribution of Sequences, 1974, chapter 2, theorem 3.4): for 1,000 by less than 1 %, which hashes
 * do not give (at a weight of 50 %, one such run in two is further off). Unlike with van der Corput's sequence, every
 * second session or every tenth request is spread as evenly as all are.
 *
 * Each Rollout turns the circle by 1/φ: its first per cent of sessions are others than those of the Rollout before.
 */
import type { Route } from '../model/plan.ts';

/** 1/φ, of all numbers the one that fractions come least close to. */
const turn = (Math.sqrt(5) - 1) / 2;

/** Points in [0, 1), each as far from those before as can be. */
export class Points {
  #last = 0;

  next(): number {
    this.#last = (this.#last + turn) % 1;
    return this.#last;
  }
}

type Weights = Route['weights'];
type Share = readonly [revision: string, weight: number];

function sharesOf(weights: Weights): Share[] {
  return Object.entries(weights)
    .filter(([, weight]) => weight > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** On whose arc the point lies; null when there is none. */
function revisionAt(point: number, shares: readonly Share[]): string | null {
  const place = point * shares.reduce((sum, [, weight]) => sum + weight, 0);
  let upTo = 0;
  for (const [revision, weight] of shares) {
    upTo += weight;
    if (place < upTo) return revision;
  }
  return shares.at(-1)?.[0] ?? null;
}

/**
 * The way of one session (or one request) among the Revisions of a Service. A session that had to leave a Revision, because
 * no Instance of it took the call or its weight went to 0, does not come back to it in the same Rollout while another Revision
 * has weight: it would see the two alternate. A weight that is lowered takes it back by its point alone, which is no such case.
 */
export class Affinity {
  readonly #point: number;
  /** Number of the Rollout that the rest was in. */
  #rollout: number | null = null;
  /** Where its last call went. */
  #revision: string | null = null;
  readonly #displaced = new Set<string>();

  /** `point`: in [0, 1). */
  constructor(point: number) {
    this.#point = point;
  }

  /** The Revision that it belongs to under this Route; null when none has weight. */
  home(route: Route): string | null {
    const shares = sharesOf(route.weights);
    const point = (this.#point + turn * (route.rollout ?? 0)) % 1;
    const byPoint = revisionAt(point, shares);
    if (byPoint === null || route.rollout !== this.#rollout || !this.#displaced.has(byPoint)) return byPoint;
    const others = shares.filter(([revision]) => !this.#displaced.has(revision));
    if (others.length > 0) return revisionAt(point, others);
    return shares.some(([revision]) => revision === this.#revision) ? this.#revision : byPoint;
  }

  /** A call of it goes to this Revision now. */
  went(route: Route, revision: string): void {
    if (route.rollout !== this.#rollout) {
      this.#rollout = route.rollout;
      this.#displaced.clear();
    }
    const from = this.#revision;
    const left = from !== null && from !== revision;
    if (left && ((route.weights[from] ?? 0) <= 0 || this.home(route) === from)) this.#displaced.add(from);
    this.#revision = revision;
  }
}
