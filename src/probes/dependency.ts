/**
 * The dependency check: is something else there that the Instance needs? Another service of this host, a TCP port, an HTTP
 * address. Refused is an answer (fail); no answer in time, or a name that does not resolve, is an error.
 */
import { connect } from 'node:net';
import { Agent, request } from 'undici';
import { FairleadError, messageOf } from '../base/error.ts';
import type { Check } from '../model/service.ts';
import type { Answer } from '../ports/prober.ts';

type Target = Extract<Check, { type: 'dependency' }>['target'];

export async function probeDependency(target: Target, timeoutMs: number, serviceReady: (name: string) => boolean): Promise<Answer> {
  if ('service' in target) {
    const ready = serviceReady(target.service);
    return { outcome: ready ? 'pass' : 'fail', message: `service ${target.service} is ${ready ? '' : 'not '}ready`, latencyMs: null };
  }
  const startedAt = performance.now();
  const refusal = 'tcp' in target ? await tryTcp(target.tcp, timeoutMs) : await tryHttp(target.http, timeoutMs);
  const latencyMs = performance.now() - startedAt;
  const name = 'tcp' in target ? target.tcp : withoutSecrets(target.http);
  return { outcome: refusal === null ? 'pass' : 'fail', message: refusal === null ? `${name} answers` : `${name} ${refusal}`, latencyMs };
}

/** null: a connection came to be (and was closed); a text: it was refused. */
function tryTcp(address: string, timeoutMs: number): Promise<string | null> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(address.slice(colon + 1)), timeout: timeoutMs });
    const settle = (finish: () => void): void => {
      socket.destroy();
      finish();
    };
    socket.once('connect', () => settle(() => resolve(null)));
    socket.once('timeout', () => settle(() => reject(new FairleadError('TimedOut', `${address} did not answer within ${timeoutMs} ms`))));
    socket.once('error', (error) => settle(() => (isRefused(error) ? resolve('refuses connections') : reject(error))));
  });
}

/** Each look has a connection of its own, closed after it. */
async function tryHttp(url: string, timeoutMs: number): Promise<string | null> {
  const dispatcher = new Agent({ pipelining: 0 });
  try {
    const { statusCode, body } = await request(url, { dispatcher, signal: AbortSignal.timeout(timeoutMs) });
    body.on('error', () => undefined).destroy();
    return statusCode < 400 ? null : `answers with HTTP ${statusCode}`;
  } catch (error) {
    if (isRefused(error)) return 'refuses connections';
    throw new FairleadError('TimedOut', `${withoutSecrets(url)}: ${messageOf(error)}`, { cause: error });
  } finally {
    await dispatcher.destroy();
  }
}

function isRefused(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'ECONNREFUSED';
}

function withoutSecrets(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? 'the address' : parsed.origin + parsed.pathname;
}
