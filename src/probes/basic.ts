/**
 * The basic check: does it answer at all? `ping`; in the stateless protocol, which has none, `server/discover`. A service that
 * does not know ping is asked for its tools instead, where it has any.
 */
import type { Answer } from '../ports/prober.ts';
import type { UpstreamSession } from '../ports/upstream.ts';
import { ask } from './ask.ts';

const methodNotFound = -32601;

export async function probeBasic(timeoutMs: number, session: UpstreamSession): Promise<Answer> {
  const method = session.facts.era === 'stateless' ? 'server/discover' : 'ping';
  const first = await ask(session, method, {}, timeoutMs);
  if (first.error === null) return { outcome: 'pass', message: `answered ${method}`, latencyMs: first.latencyMs };
  const unknown = first.error.code === methodNotFound;
  const leftMs = timeoutMs - first.latencyMs;
  if (!unknown || session.facts.capabilities['tools'] === undefined || leftMs <= 0) {
    // To say that it does not know the method is an answer, too.
    const message = `answered ${method} with error ${String(first.error.code)}: ${String(first.error.message)}`;
    return { outcome: unknown ? 'pass' : 'fail', message, latencyMs: first.latencyMs };
  }
  const second = await ask(session, 'tools/list', {}, leftMs);
  if (second.error === null) return { outcome: 'pass', message: 'answered tools/list (it has no ping)', latencyMs: second.latencyMs };
  const message = `answered tools/list with error ${String(second.error.code)}: ${String(second.error.message)}`;
  return { outcome: 'fail', message, latencyMs: second.latencyMs };
}
