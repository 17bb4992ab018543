/**
 * The Runtime of endpoints that somebody else runs. Starting one means: resolve its name once, refuse addresses that no public
 * service has unless the manifest allows them, and see that something accepts. The address is handed on with the endpoint,
 * so that what was checked is what is called, whatever the name says later.
 */
import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { FairleadError, messageOf } from '../base/error.ts';
import type { InstanceEnd } from '../model/observation.ts';
import type { RemoteRun } from '../model/revision.ts';
import type { Clock } from '../ports/clock.ts';
import type { RunningInstance, Runtime, StartRequest } from '../ports/runtime.ts';
import { isSpecialAddress } from './addresses.ts';
import { accepts } from './ports.ts';

export interface RemoteRuntimeOptions {
  readonly clock: Clock;
  /** All addresses of a host name; the system's resolver unless told otherwise. */
  readonly lookup?: (hostname: string) => Promise<readonly string[]>;
}

/** The `remote` Runtime. */
export function createRemoteRuntime({ clock, lookup = resolveName }: RemoteRuntimeOptions): Runtime {
  return {
    name: 'remote',
    async start(request: StartRequest): Promise<RunningInstance> {
      const { run } = request.revision;
      if (run.runtime !== 'remote') throw new FairleadError('Internal', `the remote runtime was given a ${run.runtime} run`);
      const url = new URL(run.url);
      const addresses = allowed(await addressesOf(url.hostname, lookup), run, url.hostname);
      const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
      const address = await firstAccepting(addresses, port, request);
      if (address === null) throw new FairleadError('ConnectFailed', `${url.hostname} does not accept connections on port ${port}.`);
      return endless(run, address, clock);
    },
  };
}

async function resolveName(hostname: string): Promise<string[]> {
  return (await systemLookup(hostname, { all: true })).map(({ address }) => address);
}

async function addressesOf(hostname: string, lookup: (hostname: string) => Promise<readonly string[]>): Promise<readonly string[]> {
  const literal = hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0) return [literal];
  try {
    return await lookup(hostname);
  } catch (thrown) {
    throw new FairleadError('ConnectFailed', `The name ${hostname} does not resolve: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** One special address among several is enough to refuse: which one would be called is up to whoever answers the name. */
function allowed(addresses: readonly string[], run: RemoteRun, hostname: string): readonly string[] {
  const refused = run.allowPrivate ? undefined : addresses.find(isSpecialAddress);
  if (refused !== undefined)
    throw new FairleadError('AddressRefused', `${hostname} is at ${refused}, which is no public address; run.allowPrivate is not set.`, {
      data: { hostname, address: refused },
    });
  return addresses;
}

async function firstAccepting(
  addresses: readonly string[],
  port: number,
  { startTimeoutMs, signal }: StartRequest,
): Promise<string | null> {
  for (const address of addresses) {
    if (signal?.aborted) throw new FairleadError('Cancelled', 'It is no longer wanted.');
    if (await accepts(address, port, startTimeoutMs / addresses.length)) return address;
  }
  return null;
}

/** It has no process that could end: it is over when it is stopped. */
function endless(run: RemoteRun, address: string, clock: Clock): RunningInstance {
  const over = Promise.withResolvers<InstanceEnd>();
  return {
    pid: null,
    port: null,
    endpoint: { kind: run.transport, url: run.url, headers: run.headers, address },
    ended: over.promise,
    stderrTail: () => '',
    stop: async () => {
      over.resolve({ code: 'Exited', message: 'It was stopped.', at: clock.now(), exitCode: null, signal: null, stderrTail: '' });
    },
  };
}
