/** The window of an analysis over the lives of Hosts: every call is in it once. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advanceWindow, beginWindow } from '../../../src/core/analysis/window.ts';
import type { Observation, TrafficCounters } from '../../../src/model/observation.ts';
import { counters } from './counters.ts';

const [stable, target] = ['aaaa', 'bbbb'];

function seen(traffic: Record<string, TrafficCounters>, hostId = 'host-1'): Observation {
  const nothing = { routed: null, instances: [], preview: null, shadow: null, metrics: [] };
  return { service: 'files', hostId, planGeneration: 1, routeGeneration: 1, ...nothing, traffic };
}

describe('the window of an analysis', () => {
  it('leaves out what was before it', () => {
    const begun = beginWindow(seen({ [stable]: counters(1_000, { toolErrors: 10 }) }), stable, target, 5_000);
    expect(begun).toMatchObject({ startedAt: 5_000, measuredAt: 5_000, failures: 0, measurements: [] });
    expect(begun.window.stable.calls).toBe(0);
    const traffic = { [stable]: counters(1_090, { toolErrors: 11 }), [target]: counters(10, { protocolErrors: 2 }) };
    const { window } = advanceWindow(begun, seen(traffic), stable, target);
    expect(window.stable).toEqual(counters(90, { toolErrors: 1 }));
    expect(window.target).toEqual(counters(10, { protocolErrors: 2 }));
  });

  it('stays the same object while no call comes', () => {
    const traffic = { [stable]: counters(7), [target]: counters(3) };
    const begun = beginWindow(seen(traffic), stable, target, 0);
    expect(advanceWindow(begun, seen({ ...traffic, other: counters(9) }), stable, target)).toBe(begun);
  });

  it('goes on when the Host began anew: what its counters say then is all new', () => {
    const begun = beginWindow(seen({ [stable]: counters(100) }), stable, target, 0);
    const before = advanceWindow(begun, seen({ [stable]: counters(150), [target]: counters(20) }), stable, target);
    const after = advanceWindow(before, seen({ [stable]: counters(160), [target]: counters(30) }, 'host-2'), stable, target);
    expect([after.window.stable.calls, after.window.target.calls]).toEqual([50 + 160, 20 + 30]);
    const later = advanceWindow(after, seen({ [stable]: counters(165), [target]: counters(30) }, 'host-2'), stable, target);
    expect([later.window.stable.calls, later.window.target.calls]).toEqual([50 + 165, 20 + 30]);
  });

  it('takes a counter that went back for one that began anew, and one that is gone for one that stands still', () => {
    const begun = beginWindow(seen({ [stable]: counters(100), [target]: counters(40) }), stable, target, 0);
    const gone = advanceWindow(begun, seen({ [stable]: counters(100) }), stable, target);
    expect(gone.window.target.calls).toBe(0);
    const back = advanceWindow(gone, seen({ [stable]: counters(5), [target]: counters(60) }), stable, target);
    expect([back.window.stable.calls, back.window.target.calls]).toEqual([5, 60]);
  });

  it('has every call once, however the Host restarts and whenever it is looked at', () => {
    const life = fc.array(fc.tuple(fc.nat(50), fc.nat(5), fc.boolean()), { maxLength: 8 });
    fc.assert(
      fc.property(fc.array(life, { minLength: 1, maxLength: 5 }), (lives) => {
        let state = beginWindow(seen({}, 'host-0'), stable, target, 0);
        const counted = { calls: 0, slow: 0 };
        for (const [index, looks] of lives.entries()) {
          let [calls, slow] = [0, 0];
          for (const [more, slower, look] of looks) {
            calls += more + slower;
            slow += slower;
            if (!look) continue;
            const traffic = { [target]: counters(calls, { slow }) };
            state = advanceWindow(state, seen(traffic, `host-${index}`), stable, target);
          }
          // What a Host counted after it was last looked at goes with it.
          const last = looks.findLastIndex(([, , look]) => look);
          for (const [more, slower] of looks.slice(0, last + 1)) {
            counted.calls += more + slower;
            counted.slow += slower;
          }
        }
        expect(state.window.target).toEqual(counters(counted.calls, { slow: counted.slow }));
      }),
    );
  });
});
