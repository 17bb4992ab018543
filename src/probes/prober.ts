/**
 * Puts Checks to Instances. Every check uses the one session that its subject has and leaves nothing open.
 *
 * pass and fail are answers to the question that was put; what ran out of time or broke before there was one is `error`.
 */
import { FairleadError, messageOf } from '../base/error.ts';
import type { ErrorCodeName } from '../base/error-codes.ts';
import type { Check } from '../model/service.ts';
import type { Answer, ProbeSubject, Prober } from '../ports/prober.ts';
import { probeBasic } from './basic.ts';
import { probeDependency } from './dependency.ts';
import { probeFunctional } from './functional.ts';
import { judgePerformance } from './performance.ts';

/** The service did answer, but in a way that no check can accept. */
const answers: ReadonlySet<ErrorCodeName> = new Set(['UpstreamMalformed', 'ProtocolViolation', 'MessageTooLarge']);

export function createProber(): Prober {
  return {
    async probe(check, subject) {
      try {
        return await probe(check, subject);
      } catch (error) {
        const answered = error instanceof FairleadError && answers.has(error.code);
        return { outcome: answered ? 'fail' : 'error', message: messageOf(error), latencyMs: null };
      }
    },
  };
}

async function probe(check: Check, subject: ProbeSubject): Promise<Answer> {
  if (check.type === 'basic') return probeBasic(check.timeoutMs, await subject.session());
  if (check.type === 'functional') return probeFunctional(check, await subject.session());
  if (check.type === 'performance') return judgePerformance(check, subject.traffic, subject.probeLatenciesMs);
  return probeDependency(check.target, check.timeoutMs, (name) => subject.serviceReady(name));
}
