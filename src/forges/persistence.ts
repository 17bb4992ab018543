/** Asking again where that helps: a whole operation, which looks before it makes anything, so that nothing is made twice. */
import { FairleadError } from '../base/error.ts';
import type { Clock } from '../ports/clock.ts';

export interface Patience {
  /** Times that an operation is begun at most. */
  readonly attempts: number;
  /** Before the second; doubled before each further one. */
  readonly firstWaitMs: number;
  /** A forge that wants to be left alone for longer is not waited for: the caller is told. */
  readonly longestWaitMs: number;
}

export const usualPatience: Patience = { attempts: 3, firstWaitMs: 500, longestWaitMs: 10_000 };

export async function persist<T>(operation: () => Promise<T>, clock: Clock, patience: Patience): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await operation();
    } catch (thrown) {
      const waitMs = waitOf(thrown, attempt, patience);
      if (waitMs === null) throw thrown;
      await new Promise<void>((resolve) => void clock.after(waitMs, resolve));
    }
  }
}

function waitOf(thrown: unknown, attempt: number, { attempts, firstWaitMs, longestWaitMs }: Patience): number | null {
  if (!(thrown instanceof FairleadError) || thrown.retry !== 'backoff' || attempt >= attempts) return null;
  const asked = thrown.data['retryAfterMs'];
  const waitMs = typeof asked === 'number' ? asked : firstWaitMs * 2 ** (attempt - 1);
  return waitMs > longestWaitMs ? null : waitMs;
}
