/** The resolved spec, valid by the schema, to a Service: defaults filled in, units made plain, fields held against each other. */
import { posix } from 'node:path';
import { hashValue } from '../base/hash.ts';
import type { Check as CheckSpec, DependencyCheck, ServiceSpec } from '../model/gen/service.ts';
import type { ProcessRun, RemoteRun, Revision, RunSpec } from '../model/revision.ts';
import type { Check, Origin, Service } from '../model/service.ts';
import { migrationOf } from './migration.ts';
import type { Segment } from './place.ts';
import { patternProblem, show, type Finding } from './schema.ts';
import { SpecReader } from './spec-reader.ts';
import { parseShare } from './units.ts';

export const defaultChecks: readonly CheckSpec[] = [{ name: 'alive', type: 'basic' }];

interface Metadata {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly formerly?: string;
}

export interface Normalized {
  /** null when a finding is an error. */
  readonly service: Service | null;
  readonly findings: readonly Finding[];
}

/** `root`: absolute folder that `cwd` is relative to. */
export function normalize(metadata: Metadata, spec: ServiceSpec, root: string, origin: Origin): Normalized {
  const reader = new SpecReader();
  const name = metadata.name;
  const run = runOf(spec, root, reader);
  const checks = (spec.health?.checks ?? defaultChecks).map((check, index) => checkOf(check, ['spec', 'health', 'checks', index], reader));
  reader.unique(
    checks.map((check) => check.name),
    ['spec', 'health', 'checks'],
  );
  const limits = spec.limits ?? {};
  const replicas = reader.integer(spec.replicas, 1, ['spec', 'replicas']);
  const expose = {
    tools: { allow: spec.expose?.tools?.allow ?? ['*'], deny: spec.expose?.tools?.deny ?? [], rename: spec.expose?.tools?.rename ?? {} },
    prefix: spec.expose?.prefix ?? name,
  };
  const withoutHash = {
    name,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    formerly: metadata.formerly ?? null,
    description: spec.description ?? '',
    tags: spec.tags ?? [],
    type: run?.runtime === 'remote' ? ('remote' as const) : ('server' as const),
    state: spec.state ?? 'Active',
    replicas,
    affinity: spec.session?.affinity ?? 'session',
    limits: {
      startTimeoutMs: reader.duration(limits.startTimeout, 30_000, ['spec', 'limits', 'startTimeout']),
      stopTimeoutMs: reader.duration(limits.stopTimeout, 10_000, ['spec', 'limits', 'stopTimeout']),
      drainTimeoutMs: reader.duration(limits.drainTimeout, 30_000, ['spec', 'limits', 'drainTimeout']),
      callTimeoutMs: reader.duration(limits.callTimeout, 60_000, ['spec', 'limits', 'callTimeout']),
      maxConcurrentCalls: reader.integer(limits.maxConcurrentCalls, 64, ['spec', 'limits', 'maxConcurrentCalls']),
    },
    dependsOn: (spec.dependsOn ?? []).map(({ service }) => ({ service, condition: 'Ready' as const })),
    expose,
    health: {
      intervalMs: reader.duration(spec.health?.interval, 30_000, ['spec', 'health', 'interval']),
      checks,
      failureThreshold: reader.integer(spec.health?.failureThreshold, 3, ['spec', 'health', 'failureThreshold']),
      successThreshold: reader.integer(spec.health?.successThreshold, 1, ['spec', 'health', 'successThreshold']),
    },
    migration: migrationOf(spec.migration ?? {}, { checks, replicas, expose, exclusive: run?.exclusive ?? false }, reader),
  };
  reader.unique(
    withoutHash.dependsOn.map((dependency) => dependency.service),
    ['spec', 'dependsOn'],
  );
  if (run === null || reader.findings.some((finding) => finding.severity === 'error')) return { service: null, findings: reader.findings };
  const revision = revisionOf(name, run);
  const specHash = hashValue({ ...withoutHash, revision: revision.hash });
  return { service: { ...withoutHash, revision, specHash, origin }, findings: reader.findings };
}

/** The Revision of a run spec, named after its Service. */
export function revisionOf(service: string, run: RunSpec): Revision {
  const hash = hashValue(run);
  return { name: `${service}-${hash.slice(0, 8)}`, hash, run };
}

function runOf(spec: ServiceSpec, root: string, reader: SpecReader): RunSpec | null {
  const run = spec.run ?? {};
  if (run.command !== undefined && run.url !== undefined) {
    reader.report(
      'ConflictingFields',
      'Both `run.command` and `run.url` are given.',
      ['spec', 'run', 'url'],
      'one way to run: `command` for a process, `url` for a remote service',
    );
    return null;
  }
  const remote = spec.type === 'remote' || run.url !== undefined;
  const wanted = remote ? 'url' : 'command';
  if (run[wanted] === undefined) {
    reader.report(
      'MissingField',
      `\`spec.run.${wanted}\` is missing: there is no way to run it.`,
      ['spec', 'run', wanted],
      remote ? 'the address of the service' : 'the program and its arguments, such as [node, server.js]; or `url` for a remote service',
    );
    return null;
  }
  if (remote && spec.type === 'server') {
    reader.report(
      'ConflictingFields',
      '`type: server` is run here, but only `run.url` is given.',
      ['spec', 'type'],
      '`type: remote`, or `run.command`',
    );
    return null;
  }
  const unused = remote ? (['args', 'cwd', 'env', 'port', 'path'] as const) : (['headers', 'allowPrivate'] as const);
  for (const field of unused)
    if (run[field] !== undefined)
      reader.warn(
        'UnusedField',
        `\`spec.run.${field}\` does nothing for a ${remote ? 'remote service' : 'process'}.`,
        ['spec', 'run', field],
        'nothing here',
      );
  return remote ? remoteRun(spec, reader) : processRun(spec, root, reader);
}

const defaultMessageBytes = 10 * 1024 * 1024;

function remoteRun(spec: ServiceSpec, reader: SpecReader): RemoteRun | null {
  const { url = '', headers = {}, allowPrivate = false } = spec.run ?? {};
  if (spec.transport === 'stdio') {
    reader.report('ConflictingFields', 'A remote service cannot be reached over stdio.', ['spec', 'transport'], 'http or sse');
    return null;
  }
  reader.address(url, ['spec', 'run', 'url'], 'an address such as https://mcp.example.com/mcp');
  return {
    runtime: 'remote',
    transport: spec.transport ?? 'http',
    url,
    headers,
    allowPrivate,
    exclusive: false,
    maxMessageBytes: reader.size(spec.limits?.maxMessageBytes, defaultMessageBytes, ['spec', 'limits', 'maxMessageBytes']),
  };
}

function processRun(spec: ServiceSpec, root: string, reader: SpecReader): ProcessRun {
  const { command = [], args = [], cwd = '.', env = {}, port = 'auto', path } = spec.run ?? {};
  const transport = spec.transport ?? 'stdio';
  if (transport === 'stdio') {
    for (const field of ['port', 'path'] as const)
      if (spec.run?.[field] !== undefined)
        reader.warn(
          'UnusedField',
          `\`spec.run.${field}\` does nothing over stdio.`,
          ['spec', 'run', field],
          '`transport: http`, or nothing here',
        );
  }
  if (typeof port === 'string' && port !== 'auto')
    reader.report('WrongType', `${show(port)} is not a port.`, ['spec', 'run', 'port'], '`auto` or a port number');
  const ownPort = transport === 'stdio' ? null : port === 'auto' || typeof port === 'string' ? 'auto' : port;
  return {
    runtime: 'process',
    transport,
    command: [...command, ...args],
    cwd: folderOf(cwd, root, reader),
    env,
    port: ownPort,
    path: path ?? (transport === 'sse' ? '/sse' : '/mcp'),
    isolation: spec.session?.isolation ?? 'shared',
    sandbox: spec.security?.sandbox ?? 'basic',
    exclusive: spec.exclusive === true || typeof ownPort === 'number',
    maxMessageBytes: reader.size(spec.limits?.maxMessageBytes, defaultMessageBytes, ['spec', 'limits', 'maxMessageBytes']),
  };
}

/** The absolute working directory: relative to the source's root, which it may leave only by saying an absolute path. */
function folderOf(cwd: string, root: string, reader: SpecReader): string {
  if (cwd.startsWith('${instance.')) return cwd;
  if (posix.isAbsolute(cwd)) return posix.normalize(cwd);
  if (leavesRoot(cwd))
    reader.report(
      'PathOutsideSource',
      `${show(cwd)} leads out of the folder of manifests.`,
      ['spec', 'run', 'cwd'],
      'a path inside it, or an absolute path',
    );
  return posix.join(root, cwd).replace(/(?<=.)\/$/, '');
}

/** True for a path that, taken from where it starts, climbs above that. Linear, which posix.normalize is not. */
export function leavesRoot(path: string): boolean {
  let depth = 0;
  for (const part of path.split(/[\\/]/)) {
    if (part === '..') depth -= 1;
    else if (part !== '' && part !== '.') depth += 1;
    if (depth < 0) return true;
  }
  return false;
}

function checkOf(check: CheckSpec, path: readonly Segment[], reader: SpecReader): Check {
  const base = { name: check.name, timeoutMs: reader.duration(check.timeout, 10_000, [...path, 'timeout']) };
  switch (check.type) {
    case 'basic':
      return { ...base, type: 'basic' };
    case 'functional': {
      const problem = check.expect?.matches === undefined ? null : patternProblem(check.expect.matches);
      if (problem !== null)
        reader.report(
          'InvalidPattern',
          `The pattern cannot be used: ${problem}.`,
          [...path, 'expect', 'matches'],
          'an RE2 pattern (no back-references, no look-around)',
        );
      return { ...base, type: 'functional', tool: check.tool, arguments: check.arguments ?? {}, expect: check.expect ?? {} };
    }
    case 'performance': {
      if (check.p95 === undefined && check.errorRate === undefined)
        reader.report('MissingField', 'A performance check needs a limit.', [...path, 'p95'], '`p95`, `errorRate`, or both');
      return {
        ...base,
        type: 'performance',
        p95Ms: check.p95 === undefined ? null : reader.duration(check.p95, 0, [...path, 'p95']),
        errorRate: check.errorRate === undefined ? null : parseShare(check.errorRate),
        minCalls: reader.integer(check.minCalls, 20, [...path, 'minCalls']),
      };
    }
    case 'dependency':
      break;
  }
  return { ...base, type: 'dependency', target: targetOf(check, path, reader) };
}

function targetOf(
  check: DependencyCheck,
  path: readonly Segment[],
  reader: SpecReader,
): { service: string } | { tcp: string } | { http: string } {
  const given = (['service', 'tcp', 'http'] as const).filter((field) => check[field] !== undefined);
  if (given.length !== 1)
    reader.report(
      given.length === 0 ? 'MissingField' : 'ConflictingFields',
      'A dependency check names one thing that it needs.',
      [...path, given[1] ?? 'service'],
      'one of `service`, `tcp`, `http`',
    );
  if (check.tcp !== undefined) return { tcp: check.tcp };
  if (check.http !== undefined) return { http: check.http };
  return { service: check.service ?? '' };
}
