/** What `doctor` looks at: each thing that is usually wrong, with words that say what to do. Changes nothing. */
import { accessSync, constants, statfsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { FairleadError, messageOf } from '../base/error.ts';
import { plural } from '../base/plural.ts';
import type { Overview, ResourceList, SourceResource } from '../model/resource.ts';
import type { About } from '../ports/read-model.ts';
import type { Context } from './context.ts';

export interface Finding {
  readonly what: string;
  readonly good: boolean;
  readonly words: string;
  readonly next?: string;
}

const leastFreeBytes = 200 * 1_048_576;
const needed: readonly [major: number, minor: number] = [24, 15];

export async function examine(context: Context): Promise<Finding[]> {
  const findings = [nodeVersion()];
  try {
    const api = context.api();
    const about = await api.get<About>('/api/v1/about');
    findings.push({ what: 'controller', good: true, words: `${about.version} at ${api.server}, pid ${about.pids.controller}` });
    findings.push(...folder(about.dataDir), adminSocket(about.adminSocket));
    findings.push(
      about.hostConnected
        ? { what: 'host', good: true, words: `pid ${about.pids.host ?? 'unknown'}, MCP endpoint ${about.gatewayUrl}/mcp` }
        : {
            what: 'host',
            good: false,
            words: 'is not connected; services may serve on, but nothing can change',
            next: `see ${about.dataDir}/logs/fairlead-host.log`,
          },
    );
    findings.push(...(await declared(context)));
  } catch (thrown) {
    if (!(thrown instanceof FairleadError)) throw thrown;
    findings.push({
      what: 'controller',
      good: false,
      words: thrown.message,
      next: 'start one with `fairlead up`, or name it with --server or --data-dir',
    });
    const dataDir = context.localDataDir();
    if (dataDir !== null) findings.push(...folder(dataDir));
    for (const port of [7400, 7401]) findings.push(await portFree(port));
  }
  return findings;
}

function nodeVersion(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const good = major > needed[0] || (major === needed[0] && minor >= needed[1]);
  return {
    what: 'node',
    good,
    words: `Node.js ${process.versions.node} (${process.execPath})`,
    next: `install Node.js ${needed.join('.')} or newer`,
  };
}

function folder(path: string): Finding[] {
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    const { bavail, bsize } = statfsSync(path);
    const free = bavail * bsize;
    return [
      { what: 'data', good: true, words: `${path} can be written` },
      {
        what: 'disk',
        good: free >= leastFreeBytes,
        words: `${Math.round(free / 1_048_576)} MiB free`,
        next: 'make room: records and logs need some',
      },
    ];
  } catch (thrown) {
    return [{ what: 'data', good: false, words: messageOf(thrown), next: 'run as the user who owns it' }];
  }
}

function adminSocket(path: string): Finding {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined)
    return { what: 'admin', good: false, words: `${path} is not there`, next: 'run this on the machine of the controller' };
  const open = (stat.mode & 0o077) !== 0;
  return { what: 'admin', good: !open, words: `${path}, mode ${(stat.mode & 0o777).toString(8)}`, next: `chmod 600 ${path}` };
}

async function declared(context: Context): Promise<Finding[]> {
  const api = context.api();
  const sources = await api.get<ResourceList<SourceResource>>('/api/v1/sources');
  const overview = await api.get<Overview>('/api/v1/services/stats/overview');
  const read = sources.items.map(({ metadata, spec, status }): Finding => {
    const errors = status.issues.filter(({ severity }) => severity === 'error').length;
    const words =
      status.failure ??
      status.unmatchedPaths[0]?.message ??
      (status.pruneHeld.length > 0
        ? `holds back deletions of ${status.pruneHeld.join(', ')}`
        : `${spec.location}: ${plural(status.services, 'service')}, ${plural(errors, 'error')}`);
    return {
      what: `source`,
      good: status.failure === null && status.pruneHeld.length === 0 && status.unmatchedPaths.length === 0 && errors === 0,
      words: `${metadata.name}: ${words}`,
      next:
        spec.kind === 'folder' && status.failure === null
          ? `fairlead validate ${spec.location}`
          : `fairlead describe source ${metadata.name}`,
    };
  });
  // Sources have been told of already.
  const services = overview.troubles.filter(({ service }) => !service.startsWith('source '));
  const troubled = services.map(({ service, message }): Finding => ({
    what: 'service',
    good: false,
    words: `${service}: ${message.split('\n')[0]}`,
    next: `fairlead describe service ${service}`,
  }));
  const fine: Finding = {
    what: 'services',
    good: true,
    words: `${overview.states.Active ?? 0} of ${overview.total} Active, ${plural(overview.tools, 'tool')}`,
  };
  return [...read, ...(troubled.length > 0 ? troubled : [fine])];
}

function portFree(port: number): Promise<Finding> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) =>
      resolve({
        what: 'port',
        good: false,
        words: `${port} cannot be listened on: ${error.message}`,
        next: 'use another with --gateway or --status',
      }),
    );
    server.listen(port, '127.0.0.1', () => server.close(() => resolve({ what: 'port', good: true, words: `${port} is free` })));
  });
}
