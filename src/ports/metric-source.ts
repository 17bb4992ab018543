/** Asks for what somebody else measures: Prometheus, or an HTTP address of the team's own. */
import type { MetricReading } from '../model/observation.ts';
import type { MetricCheck } from '../model/service.ts';

/** A MetricReading without what only the asker knows. */
export type Measured = Omit<MetricReading, 'name' | 'at'>;

export interface MetricSource {
  /** Never rejects and takes no longer than the check's own time-out: what breaks or runs out of time is said in `error`. */
  read(check: MetricCheck): Promise<Measured>;
}
