/** An HTTP answer that carries no JSON-RPC message, in typed words. Never shows a header's value that may be a secret. */
import { FairleadError } from '../base/error.ts';
import { scanEnvelope, withId } from '../model/envelope.ts';
import { lost, type Call, type CallTable } from './call-table.ts';
import type { ResponseHead } from './http-exchange.ts';

export function refusalError(method: string, head: ResponseHead): FairleadError {
  const { status } = head;
  const data = { status };
  if (status >= 300 && status < 400) {
    return new FairleadError(
      'UpstreamMalformed',
      `the service answered ${method} with a redirect (HTTP ${status}); redirects are not followed`,
      { data },
    );
  }
  if (status === 401 || status === 403) {
    return new FairleadError('UpstreamMalformed', `the service refused the credentials in run.headers (HTTP ${status})`, { data });
  }
  if (status === 429 || status >= 500) return lost(`the service answered ${method} with HTTP ${status}`, { written: true, status });
  const type = String(head.headers['content-type'] ?? 'no content type');
  const what = status >= 200 && status < 300 ? `HTTP ${status} of type ${type.slice(0, 100)}` : `HTTP ${status}`;
  return new FairleadError('UpstreamMalformed', `the service answered ${method} with ${what}, which carries no JSON-RPC message`, { data });
}

/**
 * Gives the call the service's own word where the body of a refusal is a JSON-RPC error: it concerns this call, which had the
 * post to itself, even when it came under the id null. Otherwise the call is left as it is.
 */
export function takeRefusal(calls: CallTable, call: Call, body: string): void {
  const said = scanEnvelope(body);
  if (said.kind !== 'response' || !said.isError || (said.id !== call.id && said.id !== 'null')) return;
  const answer = scanEnvelope(withId(said, call.id));
  if (answer.kind === 'response') calls.take(answer);
}
