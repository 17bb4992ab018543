import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Affinity, Points } from '../../src/gateway/shares.ts';
import type { Route } from '../../src/model/plan.ts';

function routeOf(weights: Record<string, number>, rollout: number | null = 1): Route {
  return { weights, hold: false, rollout, preview: null, shadow: null };
}

/** stable and target in both orders of their hashes: which of the two has which end of the circle must not matter. */
const names = fc.constantFrom(['a', 'b'] as const, ['b', 'a'] as const);
const split = (stable: string, target: string, share: number): Record<string, number> => ({ [stable]: 100 - share, [target]: share });
const take = (count: number): number[] => {
  const points = new Points();
  return Array.from({ length: count }, () => points.next());
};
const steps = [0, 10, 25, 50, 100, 0];

/** Sends a call and says where it went: home, unless its Instances are not there. */
function call(affinity: Affinity, route: Route, absent: string | null = null): string {
  const home = affinity.home(route)!;
  const other = Object.keys(route.weights).find((revision) => revision !== absent && (route.weights[revision] ?? 0) > 0);
  const revision = home === absent ? (other ?? home) : home;
  affinity.went(route, revision);
  return revision;
}

describe('points', () => {
  it('spread every run of a thousand over every arc to within half a per cent', () => {
    // Where a run begins, and where its arc does, only turns the circle: the first run has the worst arc of all.
    const sorted = take(1_000).sort((a, b) => a - b);
    const above = sorted.map((point, index) => (index + 1) / sorted.length - point);
    const below = sorted.map((point, index) => index / sorted.length - point);
    expect(Math.max(...above) - Math.min(...below)).toBeLessThan(0.005);
  });

  it.each([2, 3, 5, 10])('spread every %ith of them as well', (every) => {
    const sorted = take(1_000 * every)
      .filter((_, index) => index % every === 0)
      .sort((a, b) => a - b);
    const above = sorted.map((point, index) => (index + 1) / sorted.length - point);
    const below = sorted.map((point, index) => index / sorted.length - point);
    expect(Math.max(...above) - Math.min(...below)).toBeLessThan(0.01);
  });

  it('stay as good after a million', () => {
    const late = take(1_001_000).slice(1_000_000);
    expect(late.filter((point) => point < 0.25).length / 1_000).toBeCloseTo(0.25, 2);
  });
});

describe('two thousand sessions', () => {
  it.each([
    ['stable', 'target'],
    ['target', 'stable'],
  ])('follow the weights within one per cent, each over each boundary at most once (%s sorts before %s)', (first) => {
    const [stable, target] = first === 'stable' ? (['a', 'b'] as const) : (['b', 'a'] as const);
    const sessions = take(2_000).map((point) => new Affinity(point));
    let before: string[] | null = null;
    for (const share of steps) {
      const route = routeOf(split(stable, target, share));
      const at: string[] = sessions.map((session) => call(session, route));
      const reached = at.filter((revision) => revision === target).length / sessions.length;
      expect(Math.abs(reached - share / 100)).toBeLessThan(0.01);
      const back = (before ?? at).filter((revision, index) => revision === target && at[index] === stable).length;
      expect(back).toBe(share === 0 ? (before ?? []).filter((revision) => revision === target).length : 0);
      before = at;
    }
  });

  it('are followed by others in the first tenth of the next rollout', () => {
    const sessions = take(2_000).map((point) => new Affinity(point));
    const canaries = (rollout: number): Set<number> => {
      const route = routeOf(split('a', 'b', 10), rollout);
      return new Set(sessions.flatMap((session, index) => (session.home(route) === 'b' ? [index] : [])));
    };
    for (let rollout = 1; rollout < 10; rollout++) {
      const next = canaries(rollout + 1);
      expect([...canaries(rollout)].filter((index) => next.has(index))).toEqual([]);
    }
  });
});

describe('a session', () => {
  const shares = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 12 });
  const point = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  it('moves at most once and only forwards while the weight of the target grows, wherever its point is', () => {
    fc.assert(
      fc.property(names, point, shares, fc.nat({ max: 1_000 }), ([stable, target], at, weights, rollout) => {
        const session = new Affinity(at);
        const seen = weights.sort((a, b) => a - b).map((share) => call(session, routeOf(split(stable, target, share), rollout)));
        expect(seen).toEqual([...seen].sort((a, b) => Number(a === target) - Number(b === target)));
      }),
    );
  });

  it('moves at a boundary and nowhere else, whichever way the weights go', () => {
    fc.assert(
      fc.property(names, point, shares, ([stable, target], at, weights) => {
        const session = new Affinity(at);
        for (const share of weights.filter((weight) => weight > 0 && weight < 100)) {
          const route = routeOf(split(stable, target, share));
          expect(call(session, route)).toBe(new Affinity(at).home(route));
        }
      }),
    );
  });

  it('never alternates in one rollout when instances of either revision come and go', () => {
    const steady = fc.integer({ min: 1, max: 99 });
    const absences = fc.array(fc.constantFrom('a', 'b', null), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(names, point, steady, absences, ([stable, target], at, share, absent) => {
        const session = new Affinity(at);
        const route = routeOf(split(stable, target, share));
        const seen = absent.map((revision) => ({ gone: revision, at: call(session, route, revision) }));
        const returns = seen.filter(({ at: now }, index) => {
          const last = seen[index - 1]?.at ?? now;
          return now !== last && seen.slice(0, index).some((earlier) => earlier.at === now);
        });
        // It comes back to where it has been only when the other, where it went instead, has gone as well.
        expect(returns.every(({ gone, at: now }) => gone !== null && gone !== now)).toBe(true);
      }),
    );
  });

  it('does not come back to a target whose weight was zero in between, until the next rollout', () => {
    const session = new Affinity(0.99);
    const half = routeOf({ a: 50, b: 50 }, null);
    expect(call(session, half)).toBe('b');
    expect(call(session, { ...half, weights: { a: 100 } })).toBe('a');
    expect(call(session, half)).toBe('a');
    expect(call(session, { ...half, weights: { b: 100 } })).toBe('b');
  });

  it('goes by its point alone again in the next rollout', () => {
    const session = new Affinity(0.6);
    const half = routeOf({ a: 50, b: 50 }, null);
    expect([call(session, half), call(session, half, 'b'), call(session, half)]).toEqual(['b', 'a', 'a']);
    // Number 0 turns the circle as far as none does.
    const next = { ...half, rollout: 0 };
    const lowered = { ...next, weights: { a: 90, b: 10 } };
    expect([call(session, next), call(session, next), call(session, lowered)]).toEqual(['b', 'b', 'a']);
  });

  it('goes back and forth with a weight that is lowered and raised', () => {
    const session = new Affinity(0.6);
    const at = (share: number): string => call(session, routeOf({ a: 100 - share, b: share }, null));
    expect([50, 10, 50].map(at)).toEqual(['b', 'a', 'b']);
  });

  it('that waited long for a revision goes there when it comes, if it has not been there before', () => {
    const session = new Affinity(0.99);
    const route = routeOf({ a: 50, b: 50 }, null);
    expect(call(session, route, 'b')).toBe('a');
    expect(call(session, route)).toBe('b');
  });

  it('has nowhere to go when no revision has weight', () => {
    expect(new Affinity(0.5).home(routeOf({}))).toBeNull();
    expect(new Affinity(0.5).home(routeOf({ a: 0 }))).toBeNull();
  });
});
