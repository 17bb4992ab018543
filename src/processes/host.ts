/**
 * The host process: runtimes, upstreams, probes, the gateway, and the host's end of the link. The only file that knows which
 * kinds of each it is made of. What a Host that was killed left running is ended before anything is started.
 */
import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { dataDirOf } from '../base/data-dir.ts';
import { FairleadError } from '../base/error.ts';
import { createGateway } from '../gateway/gateway.ts';
import { Host } from '../host/host.ts';
import { HostEnd } from '../link/host-end.ts';
import { createMetricSource } from '../probes/metrics.ts';
import { createProber } from '../probes/prober.ts';
import { reapOrphans } from '../runtimes/orphans.ts';
import { createProcessRuntime } from '../runtimes/process.ts';
import { createRemoteRuntime } from '../runtimes/remote.ts';
import { connectUpstream } from '../upstream/connect.ts';
import { runChild, type Running } from './child.ts';
import { systemClock } from './clock.ts';
import { openLog } from './log.ts';
import type { Listener, ProcessSettings } from './settings.ts';

async function startHost(settings: ProcessSettings): Promise<Running> {
  const log = openLog('host', process.pid);
  const dataDir = dataDirOf(settings.dataDir);
  const reaped = await reapOrphans(dataDir.root);
  if (reaped.processes > 0) log.warn({ ...reaped }, 'ended what an earlier host left running');

  const gateway = createGateway({ clock: systemClock });
  const host = new Host({
    hostId: randomUUID(),
    clock: systemClock,
    runtimes: {
      process: createProcessRuntime({ dataDir: dataDir.root, clock: systemClock }),
      remote: createRemoteRuntime({ clock: systemClock }),
    },
    createUpstream: (instanceId, { endpoint, spawnForSession }, { run }) =>
      connectUpstream(endpoint, { instanceId, maxMessageBytes: run.maxMessageBytes, ...(spawnForSession && { spawnForSession }) }),
    prober: createProber(),
    metrics: createMetricSource(),
    gateway,
    maxStarts: Math.max(4, 2 * availableParallelism()),
  });
  const link = await HostEnd.listen({
    socketPath: dataDir.hostSocket,
    usageFile: join(dataDir.root, 'usage.json'),
    host,
    clock: systemClock,
    onProblem: (message, error) => log.error({ err: error }, message),
  });
  const { url } = await gateway.listen(settings.gateway).catch((cause: unknown) => {
    throw portTaken(cause, settings.gateway);
  });
  log.info({ hostId: host.hostId, url }, 'serving');
  return {
    url,
    stop: async (hurry) => {
      log.info({ hurry }, 'stopping');
      await host.close(hurry);
      await link.close();
      log.info('stopped');
    },
  };
}

/** What says so to a person, when the address is not to be had. */
function portTaken(cause: unknown, { host, port }: Listener): unknown {
  const { code } = cause as NodeJS.ErrnoException;
  if (code !== 'EADDRINUSE' && code !== 'EACCES') return cause;
  const next = 'stop what uses the port, or choose another with --gateway HOST:PORT';
  return new FairleadError('PortTaken', `The gateway cannot listen on ${host}:${port} (${code}).`, { cause, data: { next } });
}

runChild(startHost);
