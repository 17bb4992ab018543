/** The functional check: a real tools/call, its result held against what the manifest expects. */
import type { Check } from '../model/service.ts';
import type { Answer } from '../ports/prober.ts';
import type { UpstreamSession } from '../ports/upstream.ts';
import { ask } from './ask.ts';
import { unmet } from './expectation.ts';

type FunctionalCheck = Extract<Check, { type: 'functional' }>;

export async function probeFunctional(check: FunctionalCheck, session: UpstreamSession): Promise<Answer> {
  const { result, error, latencyMs } = await ask(session, 'tools/call', { name: check.tool, arguments: check.arguments }, check.timeoutMs);
  if (error !== null || result === null) {
    return { outcome: 'fail', message: `${check.tool} answered with error ${String(error?.code)}: ${String(error?.message)}`, latencyMs };
  }
  if (result['resultType'] === 'input_required') {
    return { outcome: 'fail', message: `${check.tool} asks its client for input, which a check cannot give`, latencyMs };
  }
  const reason = unmet(check.expect, result);
  return reason === null
    ? { outcome: 'pass', message: `${check.tool} answered as expected`, latencyMs }
    : { outcome: 'fail', message: `${check.tool}: ${reason}`, latencyMs };
}
