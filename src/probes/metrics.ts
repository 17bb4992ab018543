/**
 * What somebody else measures, for the analysis of a canary: an instant query of Prometheus (its HTTP API, /api/v1/query), or
 * an HTTP address of the team's own. Anything that is not exactly one number (or, over HTTP, one status) is an error and never
 * a value. No redirect is followed, and no connection outlives its question.
 */
import { Agent, request } from 'undici';
import { messageOf } from '../base/error.ts';
import type { MetricCheck } from '../model/service.ts';
import type { Measured, MetricSource } from '../ports/metric-source.ts';
import { guardedLookup, refuseMetadataAddress } from './guarded-lookup.ts';

const largestAnswerBytes = 1 << 20;
/** How much of an answer a message shows. */
const excerptLength = 200;

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

export function createMetricSource(): MetricSource {
  return {
    async read(check) {
      try {
        const answer = await get(urlOf(check), check.timeoutMs);
        return check.type === 'prometheus' ? prometheusValue(answer) : httpValue(answer);
      } catch (thrown) {
        return failure(reasonOf(thrown, check));
      }
    },
  };
}

/** `url` may have a path of its own: Prometheus behind a prefix. */
function urlOf(check: MetricCheck): URL {
  const url = new URL(check.url);
  if (check.type === 'http') return url;
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/api/v1/query`;
  url.searchParams.set('query', check.query);
  return url;
}

async function get(url: URL, timeoutMs: number): Promise<Answer> {
  refuseMetadataAddress(url);
  const dispatcher = new Agent({ pipelining: 0, maxResponseSize: largestAnswerBytes, connect: { lookup: guardedLookup } });
  try {
    const { statusCode, headers, body } = await request(url, {
      dispatcher,
      signal: AbortSignal.timeout(timeoutMs),
      headers: { accept: 'application/json' },
    });
    return { status: statusCode, contentType: String(headers['content-type'] ?? 'no content type'), text: await body.text() };
  } finally {
    await dispatcher.destroy();
  }
}

/** The one sample of a scalar or of a vector with one element; its value is text, such as `"0.25"`, `"NaN"` or `"+Inf"`. */
function prometheusValue(answer: Answer): Measured {
  const body = parsed(answer.text) as { status?: unknown; error?: unknown; data?: { resultType?: unknown; result?: unknown } } | undefined;
  if (answer.status !== 200) {
    const words = typeof body?.error === 'string' ? `: ${excerpt(body.error)}` : '';
    return failure(`answered with HTTP ${answer.status}${isRedirect(answer.status) ? ', a redirect, which is not followed' : ''}${words}`);
  }
  const { resultType, result } = body?.data ?? {};
  if (body?.status !== 'success' || !Array.isArray(result))
    return failure(`answered with what is not an answer of Prometheus (${answer.contentType}): ${excerpt(answer.text)}`);
  if (resultType === 'scalar') return finite((result as unknown[])[1]);
  if (resultType !== 'vector') return failure(`the query gives a ${String(resultType)}; a scalar or a vector of one sample is needed`);
  if (result.length !== 1)
    return failure(
      result.length === 0
        ? 'the query gives no sample'
        : `the query gives ${result.length} samples; one is needed (sum them, or select one)`,
    );
  return finite((result as { value?: unknown[] }[])[0]?.value?.[1]);
}

function httpValue({ status, text }: Answer): Measured {
  if (status < 200 || status > 299) return { value: 0, verdict: 'fail', error: `answered with HTTP ${status}` };
  const value = (parsed(text) as { value?: unknown } | null | undefined)?.value;
  return typeof value === 'number' ? finite(value) : { value: 1, verdict: 'pass', error: null };
}

function finite(said: unknown): Measured {
  const value = said === undefined || said === '' ? Number.NaN : Number(said);
  return Number.isFinite(value)
    ? { value, verdict: null, error: null }
    : failure(`the value is ${String(said)}, which is no number to judge`);
}

function failure(error: string): Measured {
  return { value: null, verdict: null, error };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isRedirect(status: number): boolean {
  return status >= 300 && status <= 399;
}

/** What was thrown, for a person; never the whole URL, which may carry a secret. */
function reasonOf(thrown: unknown, { url, timeoutMs }: MetricCheck): string {
  const { name, code } = thrown as { name?: unknown; code?: unknown };
  if (name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return `the answer is larger than ${largestAnswerBytes >> 20} MiB`;
  if (code === 'ECONNREFUSED') return `${URL.parse(url)?.host ?? 'the address'} refuses connections`;
  return messageOf(thrown);
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > excerptLength ? `${text.slice(0, excerptLength)}…` : text);
}
