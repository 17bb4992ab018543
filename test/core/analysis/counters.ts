/** Traffic as the gateway would have counted it. */
import type { TrafficCounters } from '../../../src/model/observation.ts';
import { countersOf } from '../../fixtures/service-views.ts';

/** So many calls of 10 ms, and among them so many errors and so many calls of 1 s. */
export function counters(calls: number, { protocolErrors = 0, toolErrors = 0, slow = 0 } = {}): TrafficCounters {
  return countersOf({ 10: calls - slow, 1000: slow }, { protocol: protocolErrors, tool: toolErrors });
}
