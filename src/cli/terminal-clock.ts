/** Time for what a verb constructs: the terminal's own for instants, which tests set, and real delays. */
import type { Clock } from '../ports/clock.ts';
import type { Terminal } from './terminal.ts';

export function terminalClock(terminal: Terminal): Clock {
  return {
    now: () => terminal.now(),
    elapsedMs: () => performance.now(),
    after: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
  };
}
