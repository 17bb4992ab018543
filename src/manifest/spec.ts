/**
 * A Service written back as a manifest: every field said, nothing inherited, and compiling it gives the same Revision.
 * `get -o yaml`, `diff` and `rollout undo` read from here.
 */
import { posix } from 'node:path';
import { stringify } from 'yaml';
import type { ProcessRun, RunSpec } from '../model/revision.ts';
import type { Check, Service } from '../model/service.ts';
import { looksSecret } from './judge.ts';
import { specOfMigration } from './migration-spec.ts';
import { isMap } from './place.ts';
import { apiVersion } from './schema.ts';
import { durationText, sizeText } from './units.ts';

export type Spec = Readonly<Record<string, unknown>>;

/** The `spec` that says all of a Service. With `root`, a working directory inside it is written relative to it. */
export function specOfService(service: Service, root?: string): Spec {
  const { revision, limits, health, migration, expose } = service;
  const { run } = revision;
  return {
    ...(service.description === '' ? {} : { description: literal(service.description) }),
    ...(service.tags.length === 0 ? {} : { tags: service.tags.map(literal) }),
    state: service.state,
    type: service.type,
    transport: run.transport,
    ...(run.runtime === 'process' ? { runtime: 'process' } : {}),
    run: runOf(run, root),
    ...(run.exclusive ? { exclusive: true } : {}),
    replicas: service.replicas,
    session: { affinity: service.affinity, ...(run.runtime === 'process' ? { isolation: run.isolation } : {}) },
    limits: {
      startTimeout: durationText(limits.startTimeoutMs),
      stopTimeout: durationText(limits.stopTimeoutMs),
      drainTimeout: durationText(limits.drainTimeoutMs),
      callTimeout: durationText(limits.callTimeoutMs),
      maxConcurrentCalls: limits.maxConcurrentCalls,
      maxMessageBytes: sizeText(run.maxMessageBytes),
    },
    ...(run.runtime === 'process' ? { security: { sandbox: run.sandbox } } : {}),
    ...(service.dependsOn.length === 0
      ? {}
      : { dependsOn: service.dependsOn.map(({ service: name, condition }) => ({ service: name, condition })) }),
    expose: {
      tools: {
        allow: expose.tools.allow.map(literal),
        ...(expose.tools.deny.length === 0 ? {} : { deny: expose.tools.deny.map(literal) }),
        ...(Object.keys(expose.tools.rename).length === 0 ? {} : { rename: expose.tools.rename }),
      },
      prefix: expose.prefix,
    },
    health: {
      interval: durationText(health.intervalMs),
      checks: health.checks.map(checkOf),
      failureThreshold: health.failureThreshold,
      successThreshold: health.successThreshold,
    },
    migration: specOfMigration(migration, literal),
  };
}

/** The whole manifest of a Service. */
export function manifestOf(service: Service, root?: string): Spec {
  const { name, labels, annotations, formerly } = service;
  const metadata = {
    name,
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(formerly === null ? {} : { formerly }),
  };
  return { apiVersion, kind: 'Service', metadata, spec: specOfService(service, root) };
}

/** The same as YAML text. */
export function manifestText(service: Service, root?: string): string {
  return stringify(manifestOf(service, root), { aliasDuplicateObjects: false, lineWidth: 120 });
}

/** The same for people to compare: secrets blotted out, and what `fairlead.lock` says of it below. */
export function maskedManifestText(service: Service, root?: string): string {
  const { lock } = service;
  const manifest = {
    ...manifestOf(service, root),
    spec: maskedSpec(specOfService(service, root)),
    ...(lock === undefined ? {} : { lock }),
  };
  return stringify(manifest, { aliasDuplicateObjects: false, lineWidth: 120 });
}

/** A spec with every value that looks like a secret blotted out: for whatever leaves the machine or reaches a screen. */
export function maskedSpec(spec: Spec): Spec {
  const run = isMap(spec['run']) ? { ...spec['run'] } : null;
  if (run === null) return spec;
  for (const place of ['env', 'headers']) {
    const values = run[place];
    if (isMap(values))
      run[place] = Object.fromEntries(
        Object.entries(values).map(([name, value]) => [name, typeof value === 'string' && looksSecret(name, value) ? '****' : value]),
      );
  }
  const { command } = run;
  if (Array.isArray(command))
    run['command'] = command.map((word: unknown) => (typeof word === 'string' && looksSecret('', word) ? '****' : word));
  return { ...spec, run };
}

function runOf(run: RunSpec, root: string | undefined): Spec {
  if (run.runtime === 'remote') {
    return {
      url: literal(run.url),
      ...(Object.keys(run.headers).length === 0 ? {} : { headers: mapValues(run.headers, literal) }),
      ...(run.allowPrivate ? { allowPrivate: true } : {}),
    };
  }
  return {
    command: run.command.map(runText),
    cwd: folderText(run, root),
    ...(Object.keys(run.env).length === 0 ? {} : { env: mapValues(run.env, runText) }),
    ...(run.transport === 'stdio' ? {} : { port: run.port, path: literal(run.path) }),
  };
}

function folderText({ cwd }: ProcessRun, root: string | undefined): string {
  if (root === undefined || !cwd.startsWith('/')) return runText(cwd);
  const inside = posix.relative(root, cwd);
  return runText(inside === '' ? '.' : inside.startsWith('..') ? cwd : inside);
}

function checkOf(check: Check): Spec {
  const base = { name: check.name, type: check.type, timeout: durationText(check.timeoutMs) };
  switch (check.type) {
    case 'basic':
      return base;
    case 'functional':
      return { ...base, tool: literal(check.tool), arguments: deepLiteral(check.arguments), expect: deepLiteral(check.expect) };
    case 'performance':
      return {
        ...base,
        ...(check.p95Ms === null ? {} : { p95: durationText(check.p95Ms) }),
        ...(check.errorRate === null ? {} : { errorRate: check.errorRate }),
        minCalls: check.minCalls,
      };
    case 'dependency':
      break;
  }
  return { ...base, ...check.target };
}

/** Text in which `${` is not a placeholder. */
function literal(text: string): string {
  return text.replaceAll('${', () => '$${');
}

/** Text of `run`, in which `${instance.…}` still is one. */
function runText(text: string): string {
  return text.replaceAll(/\$?\$\{(instance\.(?:id|port|dir)\})?/g, (found, instance: string | undefined) =>
    instance === undefined ? `$${found}` : found,
  );
}

function deepLiteral(value: unknown): unknown {
  if (typeof value === 'string') return literal(value);
  if (Array.isArray(value)) return value.map(deepLiteral);
  return isMap(value) ? mapValues(value, deepLiteral) : value;
}

function mapValues<A, B>(map: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}
