/** One request of a check on the host's own session, its answer parsed, its time taken. */
import { FairleadError } from '../base/error.ts';
import { requestOf } from '../model/jsonrpc.ts';
import type { UpstreamSession } from '../ports/upstream.ts';

export interface Asked {
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly error: { readonly code: unknown; readonly message: unknown } | null;
  readonly latencyMs: number;
}

/** Throws what the session throws; UpstreamMalformed when the answer is not valid JSON. */
export async function ask(session: UpstreamSession, method: string, params: unknown, timeoutMs: number): Promise<Asked> {
  const startedAt = performance.now();
  const answer = await session.request(requestOf(method, params), { timeoutMs });
  const latencyMs = performance.now() - startedAt;
  try {
    const { result, error } = JSON.parse(answer) as { result?: Asked['result']; error?: Asked['error'] };
    return { result: result ?? null, error: error ?? null, latencyMs };
  } catch (cause) {
    throw new FairleadError('UpstreamMalformed', `the answer to ${method} is not valid JSON`, { cause });
  }
}
